#include "tests/integration/processes.h"

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/integration/command.h"

namespace causeway::integration {
namespace {

namespace fs = std::filesystem;

std::vector<pid_t> all_pids() {
  std::vector<pid_t> pids;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator("/proc", ignored)) {
    const pid_t pid = atoi(entry.path().filename().c_str());
    if (pid > 0) pids.push_back(pid);
  }
  return pids;
}

std::string proc_file(pid_t pid, const char* name) {
  return read_file("/proc/" + std::to_string(pid) + "/" + name);
}

bool is_dead(char state) { return state == 'X' || state == 'Z'; }

}  // namespace

std::vector<pid_t> processes_with(const std::string& text) {
  std::vector<pid_t> found;
  for (const pid_t pid : all_pids()) {
    if (pid == getpid() || is_dead(state_of(pid))) continue;
    const std::string line = proc_file(pid, "cmdline");
    if (line.find(text) != std::string::npos) found.push_back(pid);
  }
  return found;
}

std::vector<pid_t> children_of(pid_t parent) {
  std::vector<pid_t> found;
  for (const pid_t pid : all_pids()) {
    // After the name, which may hold anything: state, parent.
    const std::string stat = proc_file(pid, "stat");
    std::istringstream fields(stat.substr(stat.rfind(')') + 1));
    char state = 'X';
    pid_t ppid = 0;
    fields >> state >> ppid;
    if (ppid == parent && !is_dead(state)) found.push_back(pid);
  }
  return found;
}

std::vector<std::string> sockets_with(const std::string& text) {
  std::vector<std::string> found;
  std::ifstream file("/proc/net/unix");
  std::string line;
  while (std::getline(file, line)) {
    const size_t slash = line.find('/');
    if (slash == std::string::npos) continue;
    const std::string path = line.substr(slash);
    if (path.find(text) != std::string::npos) found.push_back(path);
  }
  return found;
}

char state_of(pid_t pid) {
  const std::string stat = proc_file(pid, "stat");
  const size_t name_end = stat.rfind(')');
  return name_end == std::string::npos ? 'X' : stat[name_end + 2];
}

bool has_ended(pid_t pid) {
  std::error_code gone;
  size_t threads = 0;
  const std::string tasks = "/proc/" + std::to_string(pid) + "/task";
  for (fs::directory_iterator at(tasks, gone), end; !gone && at != end;
       at.increment(gone)) {
    ++threads;
  }
  return threads <= 1 && is_dead(state_of(pid));
}

uint64_t pinned_kib(pid_t pid) {
  std::istringstream status(proc_file(pid, "status"));
  uint64_t sum = 0;
  for (std::string line; std::getline(status, line);) {
    if (!line.starts_with("VmLck:") && !line.starts_with("VmPin:")) continue;
    sum += std::stoull(line.substr(line.find(':') + 1));
  }
  return sum;
}

}  // namespace causeway::integration
