#include "tests/integration/command.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <sstream>
#include <thread>

#include "tools/pki/authority.h"

namespace causeway::integration {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

UniqueFd create(const std::string& path) {
  UniqueFd fd(
      ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  CAUSEWAY_ASSERT(fd);
  return fd;
}

ChildProcess start(const std::vector<std::string>& arguments,
                   const std::string& out, const std::string& err) {
  const UniqueFd out_fd = create(out);
  const UniqueFd err_fd = create(err);
  SpawnOptions options;
  options.argv = {binary_folder() + "/causeway"};
  options.argv.insert(options.argv.end(), arguments.begin(), arguments.end());
  options.stdout_fd = out_fd.get();
  options.stderr_fd = err_fd.get();
  auto process = ChildProcess::spawn(options);
  if (!process) {
    fprintf(stderr, "%s\n", process.error().message.c_str());
    abort();
  }
  return std::move(process).value();
}

std::string fresh_name(const TestFolder& folder) {
  static std::atomic<int> count{0};
  return folder.file("command-" + std::to_string(count++));
}

}  // namespace

std::string binary_folder() {
  const char* folder = getenv("CAUSEWAY_BIN");
  if (folder == nullptr) {
    fprintf(stderr, "set CAUSEWAY_BIN to the folder of the binaries\n");
    abort();
  }
  return folder;
}

TestFolder::TestFolder() {
  char path[] = "/tmp/causeway-it-XXXXXX";
  CAUSEWAY_ASSERT(mkdtemp(path) != nullptr);
  path_ = path;
  CAUSEWAY_ASSERT(make_authority(authority()));
  ::setenv("CAUSEWAY_TLS", certificates("operator").c_str(), 1);
}

TestFolder::~TestFolder() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
  ::unsetenv("CAUSEWAY_TLS");
}

std::string TestFolder::certificates(
    const std::string& name, const std::vector<std::string>& addresses) const {
  const std::string folder = authority() + "/" + name;
  if (!fs::exists(folder)) {
    CAUSEWAY_ASSERT(make_host(authority(), {name, addresses}));
  }
  return folder;
}

std::string CommandResult::text() const {
  return "exit code " + std::to_string(exit_code) + "\nout: " + out +
         "\nerr: " + err;
}

RunningCommand::RunningCommand(const TestFolder& folder,
                               const std::vector<std::string>& arguments)
    : out_path_(fresh_name(folder)),
      err_path_(out_path_ + ".err"),
      process_(start(arguments, out_path_, err_path_)) {}

bool RunningCommand::wait_for_output(const std::string& text) {
  bool found = false;
  eventually([&] {
    found = read_file(out_path_).find(text) != std::string::npos;
    return found || process_.wait(std::chrono::milliseconds(0)).has_value();
  });
  return found;
}

CommandResult RunningCommand::wait() {
  auto status = process_.wait(kCommandTimeout);
  if (!status) {
    process_.kill(SIGKILL);
    status = process_.wait();
  }
  CommandResult result;
  if (status->signal == 0) result.exit_code = status->code;
  result.out = read_file(out_path_);
  result.err = read_file(err_path_);
  return result;
}

CommandResult causeway(const TestFolder& folder,
                       const std::vector<std::string>& arguments) {
  return RunningCommand(folder, arguments).wait();
}

std::string read_file(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  // Not by iterators, which throw when a process ends while it is read.
  if (file.peek() != EOF) text << file.rdbuf();
  return text.str();
}

bool eventually(const std::function<bool()>& condition) {
  const auto deadline = Clock::now() + kCommandTimeout;
  while (!condition()) {
    if (Clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return true;
}

std::string why_no_process_guest() {
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define CAUSEWAY_TEST_TSAN
#endif
#endif
#if defined(__SANITIZE_THREAD__) || defined(CAUSEWAY_TEST_TSAN)
  return "ThreadSanitizer's memory is where a process guest's must be";
#else
  return "";
#endif
}

std::string why_no_kvm() {
  if (access("/dev/kvm", F_OK) != 0) return "this machine has no /dev/kvm";
  if (access("/dev/kvm", R_OK | W_OK) != 0) {
    return "no right to /dev/kvm on this machine";
  }
  return "";
}

}  // namespace causeway::integration
