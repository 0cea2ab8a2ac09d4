#include "tools/agent/vmm_launcher.h"

#include <fcntl.h>

#include <fstream>

#include "tools/agent/limits.h"
#include "tools/process/line_reader.h"

namespace causeway {
namespace {

std::vector<std::string> vmm_arguments(const control::GuestConfig& config,
                                       const GuestPaths& paths, bool incoming) {
  std::vector<std::string> arguments = {"--name",
                                        config.name(),
                                        "--memory",
                                        std::to_string(config.memory_bytes()),
                                        "--page-size",
                                        std::to_string(config.page_bytes()),
                                        "--vcpus",
                                        std::to_string(config.vcpus()),
                                        "--workload",
                                        config.workload(),
                                        "--content",
                                        config.content(),
                                        "--used",
                                        fmt::format("{}", config.used()),
                                        "--seed",
                                        std::to_string(config.seed()),
                                        "--tracker",
                                        config.tracker(),
                                        "--shim-socket",
                                        paths.shim_socket,
                                        "--monitor-socket",
                                        paths.monitor_socket,
                                        "--log",
                                        paths.log,
                                        "--leash",
                                        "--ready-fd",
                                        std::to_string(kPassedFd)};
  if (config.disk_bytes() > 0) {
    const std::string disk =
        config.disk_path().empty() ? paths.disk : config.disk_path();
    arguments.insert(arguments.end(), {"--disk", disk, "--disk-bytes",
                                       std::to_string(config.disk_bytes())});
  }
  // What an arriving guest sees came with its state.
  if (incoming) arguments.push_back("--incoming");
  for (const std::string& feature : config.cpu_mask()) {
    if (!incoming) arguments.push_back("--cpu-mask=" + feature);
  }
  return arguments;
}

// "error CODE MESSAGE", as the VMM wrote it.
Error error_of_line(const std::string& line) {
  const size_t code_end = line.find(' ', 6);
  if (line.starts_with("error ") && code_end != std::string::npos) {
    const auto code = error_code_from_name(line.substr(6, code_end - 6));
    if (code) return Error{*code, line.substr(code_end + 1)};
  }
  return make_error(ErrorCode::kPeerBroken,
                    "the VMM said \"{}\" instead of whether it is ready", line);
}

}  // namespace

Result<StartingVmm> VmmLauncher::start(const control::GuestConfig& config,
                                       const GuestPaths& paths,
                                       bool incoming) const {
  CAUSEWAY_ASSIGN(Pipe ready, make_pipe());
  CAUSEWAY_ASSIGN(Pipe leash, make_pipe());
  UniqueFd log(::open(paths.log.c_str(),
                      O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  if (!log) return errno_error(errno, "opening " + paths.log);
  SpawnOptions options;
  options.argv = {program_folder_ + "/causeway-vmm-" + config.hypervisor()};
  const auto arguments = vmm_arguments(config, paths, incoming);
  options.argv.insert(options.argv.end(), arguments.begin(), arguments.end());
  options.argv.insert(options.argv.end(), extra_arguments_.begin(),
                      extra_arguments_.end());
  options.own_session = true;
  options.stdin_fd = leash.read.get();
  options.stdout_fd = log.get();
  options.stderr_fd = log.get();
  options.pass_fd = ready.write.get();
  CAUSEWAY_ASSIGN(ChildProcess process, ChildProcess::spawn(options));
  return StartingVmm(std::move(process), std::move(leash.write),
                     std::move(ready.read), paths.log);
}

void StartingVmm::let_go() {
  // One that has died already is for await_ready() to tell of.
  (void)write_all(leash_.get(), "go\n", "the VMM").has_value();
  leash_.reset();
}

Result<ChildProcess> StartingVmm::await_ready() && {
  LineReader reader(ready_.get(), "the VMM");
  std::string line;
  CAUSEWAY_ASSIGN(const auto event, reader.next(&line, kVmmReadyTimeout));
  if (event == LineReader::Event::kTimeout) {
    return make_error(ErrorCode::kTimeout,
                      "the VMM was not ready after {} s; its log ends: {}",
                      kVmmReadyTimeout.count() / 1000, log_tail(log_path_));
  }
  if (event == LineReader::Event::kLine && line == "ready") {
    return std::move(process_);
  }
  if (event == LineReader::Event::kLine) return error_of_line(line);
  const ExitStatus status = process_.wait();
  return make_error(ErrorCode::kInternal,
                    "the VMM ended before it was ready ({}); its log ends: {}",
                    status.text(), log_tail(log_path_));
}

std::string log_tail(const std::string& path) {
  constexpr std::streamoff kTailBytes = 400;
  std::ifstream file(path, std::ios::ate);
  if (!file) return "";
  const std::streamoff size = file.tellg();
  file.seekg(std::max<std::streamoff>(size - kTailBytes, 0));
  std::string text(std::istreambuf_iterator<char>(file), {});
  while (!text.empty() && text.back() == '\n') text.pop_back();
  for (char& c : text) {
    if (c == '\n') c = '|';
  }
  return text;
}

}  // namespace causeway
