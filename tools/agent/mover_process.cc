#include "tools/agent/mover_process.h"

#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <optional>

#include "tools/agent/guest_json.h"

namespace causeway {
namespace {

constexpr const char* kWho = "the mover";

std::optional<MoverEvent::Kind> kind_of(const std::string& event) {
  if (event == "listening") return MoverEvent::Kind::kListening;
  if (event == "stage") return MoverEvent::Kind::kStage;
  if (event == "progress") return MoverEvent::Kind::kProgress;
  if (event == "done") return MoverEvent::Kind::kDone;
  if (event == "failed") return MoverEvent::Kind::kFailed;
  return std::nullopt;
}

}  // namespace

Result<std::unique_ptr<MoverProcess>> MoverProcess::start(
    const std::string& program_folder) {
  CAUSEWAY_ASSIGN(Pipe to_mover, make_pipe());
  CAUSEWAY_ASSIGN(Pipe from_mover, make_pipe());
  UniqueFd wake(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK | EFD_SEMAPHORE));
  if (!wake) return errno_error(errno, "eventfd");
  SpawnOptions options;
  options.argv = {program_folder + "/causeway-mover"};
  options.stdin_fd = to_mover.read.get();
  options.stdout_fd = from_mover.write.get();
  options.stderr_fd = STDERR_FILENO;
  CAUSEWAY_ASSIGN(ChildProcess process, ChildProcess::spawn(options));
  return std::unique_ptr<MoverProcess>(
      new MoverProcess(std::move(process), std::move(to_mover),
                       std::move(from_mover), std::move(wake)));
}

MoverProcess::MoverProcess(ChildProcess process, Pipe to_mover, Pipe from_mover,
                           UniqueFd wake)
    : process_(std::move(process)),
      stdin_(std::move(to_mover.write)),
      stdout_(std::move(from_mover.read)),
      wake_(std::move(wake)),
      reader_(stdout_.get(), kWho, wake_.get()) {}

Status MoverProcess::give_spec(const nlohmann::json& spec) {
  return write_all(stdin_.get(), spec.dump() + "\n", kWho);
}

Status MoverProcess::cancel() {
  return write_all(stdin_.get(), "{\"command\":\"cancel\"}\n", kWho);
}

Status MoverProcess::hold(bool held) {
  return write_all(
      stdin_.get(),
      held ? "{\"command\":\"pause\"}\n" : "{\"command\":\"continue\"}\n",
      kWho);
}

Result<MoverEvent> MoverProcess::next(std::chrono::milliseconds timeout) {
  std::string line;
  CAUSEWAY_ASSIGN(const auto read, reader_.next(&line, timeout));
  if (read == LineReader::Event::kEnd) return died();
  MoverEvent event;
  if (read == LineReader::Event::kTimeout) return event;
  if (read == LineReader::Event::kWoken) {
    uint64_t one = 0;
    if (::read(wake_.get(), &one, sizeof(one)) < 0) return event;
    event.kind = MoverEvent::Kind::kWoken;
    return event;
  }
  event.body = parse_object(line);
  const auto kind = kind_of(text_member(event.body, "event"));
  if (!kind) {
    return make_error(ErrorCode::kPeerBroken, "the mover said \"{}\"", line);
  }
  event.kind = *kind;
  return event;
}

Error MoverProcess::died() {
  const ExitStatus status = process_.wait();
  return make_error(ErrorCode::kInternal,
                    "the mover ended in the middle of its work ({})",
                    status.text());
}

void MoverProcess::wake() {
  const uint64_t one = 1;
  // Full means that a wake-up is waiting already.
  [[maybe_unused]] const ssize_t wrote = write(wake_.get(), &one, sizeof(one));
}

void MoverProcess::finish(std::chrono::milliseconds timeout) {
  close_stdin();
  if (process_.wait(timeout)) return;
  process_.kill(SIGKILL);
  process_.wait();
}

void add_tls(nlohmann::json* spec, const std::optional<TlsFiles>& tls,
             const std::string& peer) {
  if (!tls) return;
  (*spec)["tls"] = {{"ca", tls->ca},
                    {"certificate", tls->certificate},
                    {"key", tls->key},
                    {"peer", peer}};
}

MoverFailure failure_of(const nlohmann::json& body) {
  MoverFailure failure;
  failure.error.code = error_code_from_name(text_member(body, "code"))
                           .value_or(ErrorCode::kInternal);
  failure.error.message =
      text_member(body, "message", "the mover gave no reason");
  failure.guest_at = text_member(body, "guest_at");
  return failure;
}

}  // namespace causeway
