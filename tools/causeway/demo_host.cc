#include "tools/causeway/demo_host.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "tools/pki/authority.h"
#include "tools/process/line_reader.h"

namespace causeway {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPrefix = "causeway-demo-";

// An agent opens its sockets in milliseconds; a busy machine may take longer
// to load it.
constexpr std::chrono::milliseconds kListenTimeout{20000};

// Stopping a guest of the demo's size takes far less.
constexpr std::chrono::milliseconds kEndTimeout{30000};

// On disk, not in memory: a demo's disks can be larger than its RAM.
std::string base_folder() {
  const char* temporary = getenv("TMPDIR");
  return temporary != nullptr && *temporary != '\0' ? temporary : "/var/tmp";
}

// The pid in "causeway-demo-PID-a"; 0 when it is no such name.
pid_t demo_pid(const std::string& folder_name) {
  if (!folder_name.starts_with(kPrefix)) return 0;
  pid_t pid = 0;
  const char* begin = folder_name.data() + kPrefix.size();
  const char* end = folder_name.data() + folder_name.size();
  const auto [rest, error] = std::from_chars(begin, end, pid);
  return error == std::errc() && rest != end && *rest == '-' ? pid : 0;
}

std::string folder_of(int index) {
  return fmt::format("{}/{}{}-{}", base_folder(), kPrefix, getpid(),
                     DemoHost::name_of(index));
}

// Goes with the folder of the first host.
std::string authority_folder() { return folder_of(0) + "/pki"; }

}  // namespace

int remove_leftovers_of_demos() {
  int removed = 0;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(base_folder(), ignored)) {
    const pid_t pid = demo_pid(entry.path().filename().string());
    if (pid <= 0 || kill(pid, 0) == 0 || errno != ESRCH) continue;
    struct stat stat = {};
    if (lstat(entry.path().c_str(), &stat) != 0) continue;
    if (!S_ISDIR(stat.st_mode) || stat.st_uid != geteuid()) continue;
    // Its agents see to it themselves; what they have left by now is ours.
    fs::remove_all(entry.path(), ignored);
    ++removed;
  }
  return removed;
}

Result<std::unique_ptr<DemoHost>> DemoHost::start(DemoNetwork* network,
                                                  int index, bool in_clear) {
  const std::string folder = folder_of(index);
  if (mkdir(folder.c_str(), 0700) != 0) {
    return errno_error(errno, "making the folder " + folder);
  }
  std::unique_ptr<DemoHost> host(new DemoHost(name_of(index), folder));
  if (!in_clear) {
    if (index == 0) CAUSEWAY_TRY(make_authority(authority_folder()));
    CAUSEWAY_TRY(make_host(authority_folder(),
                           {name_of(index), {network->address(index)}}));
  }
  CAUSEWAY_TRY(host->spawn(network, index, in_clear));
  CAUSEWAY_ASSIGN(host->client_,
                  AgentClient::create("unix:" + folder + "/agent.sock", {}));
  return host;
}

Status DemoHost::spawn(DemoNetwork* network, int index, bool in_clear) {
  CAUSEWAY_ASSIGN(Pipe to_agent, make_pipe());
  CAUSEWAY_ASSIGN(Pipe from_agent, make_pipe());
  const std::string log_path = folder_ + "/agent.log";
  const UniqueFd log(::open(log_path.c_str(),
                            O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  if (!log) return errno_error(errno, "opening " + log_path);
  SpawnOptions options;
  options.argv = {program_folder() + "/causeway",
                  "agent",
                  "--name",
                  name_,
                  "--listen",
                  network->address(index) + ":0",
                  "--state",
                  folder_,
                  "--ephemeral"};
  if (in_clear) {
    options.argv.emplace_back("--clear");
  } else {
    options.argv.insert(options.argv.end(),
                        {"--tls", authority_folder() + "/" + name_, "--allow",
                         name_of(1 - index)});
  }
  // Ctrl-C is for the demo, which then ends its agents in order.
  options.own_session = true;
  options.stdin_fd = to_agent.read.get();
  options.stdout_fd = from_agent.write.get();
  options.stderr_fd = log.get();
  CAUSEWAY_TRY(network->run_on(index, [&]() -> Status {
    CAUSEWAY_ASSIGN(ChildProcess agent, ChildProcess::spawn(options));
    agent_.emplace(std::move(agent));
    return {};
  }));
  stdin_ = std::move(to_agent.write);
  from_agent.write.reset();
  stdout_ = std::move(from_agent.read);
  return await_listening(stdout_.get());
}

// "listening ADDRESS ..."
Status DemoHost::await_listening(int fd) {
  LineReader reader(fd, "the agent of host " + name_);
  std::string line;
  CAUSEWAY_ASSIGN(const auto event, reader.next(&line, kListenTimeout));
  constexpr std::string_view kListening = "listening ";
  if (event != LineReader::Event::kLine || !line.starts_with(kListening)) {
    return make_error(ErrorCode::kInternal,
                      "the agent of host {} did not start; its log: {}", name_,
                      log());
  }
  line.erase(0, kListening.size());
  address_ = line.substr(0, line.find(' '));
  return {};
}

std::string DemoHost::log() const {
  std::ifstream file(folder_ + "/agent.log");
  return std::string(std::istreambuf_iterator<char>(file), {});
}

void DemoHost::close() { stdin_.reset(); }

DemoHost::~DemoHost() {
  close();
  if (agent_ && !agent_->wait(kEndTimeout)) agent_->kill(SIGKILL);
  std::error_code ignored;
  fs::remove_all(folder_, ignored);
}

}  // namespace causeway
