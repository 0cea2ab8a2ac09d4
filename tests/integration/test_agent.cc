#include "tests/integration/test_agent.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>

#include <filesystem>

#include "tools/process/line_reader.h"

namespace causeway::integration {

namespace fs = std::filesystem;

TestAgent::TestAgent(const TestFolder& folder, const std::string& name,
                     TestAgentOptions options)
    : folder_(folder),
      name_(name),
      options_(std::move(options)),
      log_path_(folder.file(name + ".log")) {
  if (options_.state_folder.empty()) options_.state_folder = folder.file(name);
  address_ = options_.listen.empty() ? host_address() + ":0" : options_.listen;
  if (!options_.clear) {
    // Of whoever runs it: a wrapper may make it someone else.
    const std::string key =
        folder_.certificates(name_, {host_address()}) + "/host.key";
    struct stat owner = {};
    if (::stat(options_.state_folder.c_str(), &owner) == 0) {
      CAUSEWAY_ASSERT(::chown(key.c_str(), owner.st_uid, owner.st_gid) == 0);
    }
  }
  start();
}

TestAgent::~TestAgent() {
  if (!process_) start();
  for (const std::string& name : guests()) guest("stop", name);
  stop(SIGTERM);
}

std::string TestAgent::host_address() const {
  return options_.network == nullptr ? "127.0.0.1"
                                     : options_.network->address(options_.host);
}

std::string TestAgent::operator_address() const {
  return options_.network == nullptr
             ? address_
             : "unix:" + options_.state_folder + "/agent.sock";
}

std::vector<std::string> TestAgent::arguments() const {
  std::vector<std::string> all = options_.wrapper;
  if (!options_.stop_at.empty()) {
    all.insert(all.end(),
               {"/usr/bin/env", "CAUSEWAY_STOP_AT=" + options_.stop_at});
  }
  all.insert(all.end(),
             {binary_folder() + "/causeway", "agent", "--name", name_,
              "--listen", address_, "--state", options_.state_folder});
  if (options_.clear) {
    all.emplace_back("--clear");
  } else {
    all.insert(all.end(),
               {"--tls", folder_.certificates(name_, {host_address()}),
                "--operator", "operator"});
    for (const std::string& name : options_.allow) {
      all.insert(all.end(), {"--allow", name});
    }
  }
  all.insert(all.end(), options_.arguments.begin(), options_.arguments.end());
  return all;
}

void TestAgent::start() {
  Pipe out = make_pipe().value();
  const UniqueFd log(::open(log_path_.c_str(),
                            O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  SpawnOptions spawn;
  spawn.argv = arguments();
  spawn.stdout_fd = out.write.get();
  spawn.stderr_fd = log.get();
  const auto start_it = [&]() -> Status {
    CAUSEWAY_ASSIGN(ChildProcess process, ChildProcess::spawn(spawn));
    process_.emplace(std::move(process));
    return {};
  };
  CAUSEWAY_ASSERT(options_.network == nullptr
                      ? start_it()
                      : options_.network->run_on(options_.host, start_it));
  out.write.reset();
  LineReader reader(out.read.get(), "agent " + name_);
  std::string line;
  const auto event = reader.next(&line, kCommandTimeout);
  if (!event || *event != LineReader::Event::kLine) {
    fprintf(stderr, "agent %s did not start: %s\n", name_.c_str(),
            this->log().c_str());
    abort();
  }
  const size_t begin = line.find(' ') + 1;
  address_ = line.substr(begin, line.find(' ', begin) - begin);
}

void TestAgent::stop(int signal) {
  if (!process_) return;
  process_->kill(signal);
  if (!process_->wait(kCommandTimeout)) process_->kill(SIGKILL);
  process_->wait();
  process_.reset();
}

CommandResult TestAgent::run_guest(
    const std::string& name, const std::vector<std::string>& arguments) const {
  std::vector<std::string> all = {"guest", "run", name, "--agent",
                                  operator_address()};
  if (options_.clear) all.emplace_back("--clear");
  all.insert(all.end(), arguments.begin(), arguments.end());
  return causeway(folder_, all);
}

CommandResult TestAgent::guest(const std::string& command,
                               const std::string& name) const {
  std::vector<std::string> all = {"guest", command, name, "--agent",
                                  operator_address()};
  if (options_.clear) all.emplace_back("--clear");
  return causeway(folder_, all);
}

nlohmann::json TestAgent::ask(std::vector<std::string> command) const {
  command.insert(command.end(), {"--agent", operator_address(), "--json", "-"});
  if (options_.clear) command.emplace_back("--clear");
  const CommandResult result = causeway(folder_, command);
  return nlohmann::json::parse(result.out, nullptr, false);
}

nlohmann::json TestAgent::status(const std::string& name) const {
  const auto all = list();
  if (!all.is_object()) return nlohmann::json::object();
  for (const auto& guest : all["guests"]) {
    if (guest["name"] == name) return guest;
  }
  return nlohmann::json::object();
}

bool TestAgent::wait_until_filled(const std::string& name) const {
  return eventually([&] { return status(name).value("filled", false); });
}

std::vector<std::string> TestAgent::guests() const {
  std::vector<std::string> names;
  const auto all = list();
  if (!all.is_object()) return names;
  for (const auto& guest : all["guests"]) {
    names.push_back(guest["name"].get<std::string>());
  }
  return names;
}

nlohmann::json TestAgent::migrations() const {
  const auto all = ask({"status"});
  return all.is_object() ? all["migrations"] : nlohmann::json();
}

size_t TestAgent::undecided() const {
  constexpr size_t kMany = 99;
  const auto all = migrations();
  return all.is_array() ? all.size() : kMany;
}

pid_t TestAgent::mover() const {
  for (const pid_t pid : children_of(process_->pid())) {
    const std::string line =
        read_file("/proc/" + std::to_string(pid) + "/cmdline");
    if (line.find("causeway-mover") != std::string::npos) return pid;
  }
  return 0;
}

pid_t TestAgent::vmm_of(const std::string& name) const {
  const auto found =
      processes_with(state_folder() + "/guests/" + name + "/shim.sock");
  return found.empty() ? 0 : found.front();
}

std::string TestAgent::leftovers() const {
  std::string lines;
  std::error_code ignored;
  for (const auto& entry : fs::recursive_directory_iterator(
           options_.state_folder + "/guests", ignored)) {
    lines += "file " + entry.path().string() + "\n";
  }
  for (const pid_t pid : processes_with(options_.state_folder + "/guests/")) {
    lines += "process " + std::to_string(pid) + "\n";
  }
  for (const std::string& socket :
       sockets_with(options_.state_folder + "/guests/")) {
    lines += "socket " + socket + "\n";
  }
  if (!process_) return lines;
  for (const pid_t pid : children_of(process_->pid())) {
    lines += "child " + std::to_string(pid) + "\n";
  }
  // A wrapper starts the agent as itself, so that this is the agent's own.
  const std::string fds = "/proc/" + std::to_string(process_->pid()) + "/fd";
  for (const auto& entry : fs::directory_iterator(fds, ignored)) {
    const std::string target = fs::read_symlink(entry.path(), ignored).string();
    if (target.starts_with("/memfd:")) lines += "memfd " + target + "\n";
  }
  return lines;
}

}  // namespace causeway::integration
