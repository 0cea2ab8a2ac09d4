#include "tools/wan-emulator/emulator_process.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>

namespace causeway {
namespace {

// It starts in milliseconds; a busy machine may take longer to load it.
constexpr std::chrono::milliseconds kAnswerTimeout{20000};
constexpr std::chrono::milliseconds kEndTimeout{5000};

}  // namespace

Result<std::unique_ptr<EmulatorProcess>> EmulatorProcess::start(
    NamespacePair* pair, const std::string& program,
    const std::vector<std::string>& arguments, int cable) {
  std::unique_ptr<EmulatorProcess> made(new EmulatorProcess());
  CAUSEWAY_ASSIGN(Pipe to, make_pipe());
  CAUSEWAY_ASSIGN(Pipe from, make_pipe());
  // Not a pipe: nobody reads it unless something is wrong.
  made->stderr_.reset(memfd_create("emulator-stderr", MFD_CLOEXEC));
  if (!made->stderr_) return errno_error(errno, "memfd_create");
  SpawnOptions options;
  options.argv = {program, NamespacePair::middle_interface(0, cable),
                  NamespacePair::middle_interface(1, cable), "--stdin"};
  options.argv.insert(options.argv.end(), arguments.begin(), arguments.end());
  // Ctrl-C is for whoever has started it, and the end of its stdin for it.
  options.own_session = true;
  options.stdin_fd = to.read.get();
  options.stdout_fd = from.write.get();
  options.stderr_fd = made->stderr_.get();
  const auto spawn = [&]() -> Status {
    CAUSEWAY_ASSIGN(ChildProcess process, ChildProcess::spawn(options));
    made->process_.emplace(std::move(process));
    return {};
  };
  CAUSEWAY_TRY(pair->run_in_middle(spawn));
  made->stdin_ = std::move(to.write);
  made->stdout_ = std::move(from.read);
  from.write.reset();
  CAUSEWAY_TRY(made->await_ready());
  return made;
}

EmulatorProcess::~EmulatorProcess() {
  if (!process_) return;
  stdin_.reset();
  process_->wait(kEndTimeout);  // else it is killed
}

Status EmulatorProcess::await_ready() {
  reader_.emplace(stdout_.get(), "the link's emulator");
  std::string line;
  CAUSEWAY_ASSIGN(const auto event, reader_->next(&line, kAnswerTimeout));
  if (event == LineReader::Event::kLine) return {};
  const auto exit = process_->wait(kEndTimeout);
  constexpr int kUsage = 2;  // tools/README.md
  const bool wrong = exit && exit->code == kUsage;
  return Error{wrong ? ErrorCode::kInvalidArgument : ErrorCode::kInternal,
               "the link's emulator did not start: " + last_words()};
}

std::string EmulatorProcess::last_words() {
  std::array<char, 1024> bytes;
  const ssize_t got = pread(stderr_.get(), bytes.data(), bytes.size(), 0);
  return std::string(bytes.data(),
                     static_cast<size_t>(std::max<ssize_t>(got, 0)));
}

Result<nlohmann::json> EmulatorProcess::command(const std::string& line) {
  CAUSEWAY_TRY(write_all(stdin_.get(), line + "\n", "the link's emulator"));
  std::string text;
  CAUSEWAY_ASSIGN(const auto event, reader_->next(&text, kAnswerTimeout));
  const auto answer = event == LineReader::Event::kLine
                          ? nlohmann::json::parse(text, nullptr, false)
                          : nlohmann::json();
  if (!answer.is_object()) {
    return make_error(ErrorCode::kInternal,
                      "the link's emulator does not answer: {}", last_words());
  }
  if (!answer.value("ok", false)) {
    return Error{ErrorCode::kInvalidArgument, answer.value("error", "")};
  }
  return answer;
}

Status EmulatorProcess::set(const std::string& change) {
  CAUSEWAY_TRY(command("set " + change));
  return {};
}

Result<nlohmann::json> EmulatorProcess::counters() {
  CAUSEWAY_ASSIGN(nlohmann::json answer, command("counters"));
  return std::move(answer["counters"]);
}

}  // namespace causeway
