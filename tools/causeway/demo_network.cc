#include "tools/causeway/demo_network.h"

#include <fmt/format.h>
#include <sched.h>
#include <unistd.h>

#include <vector>

#include "tools/process/child_process.h"

namespace causeway {
namespace {

// Nothing else is in the namespaces that it could collide with.
constexpr const char* kAddresses[] = {"10.77.0.1", "10.77.0.2"};
constexpr const char* kDevices[] = {"host-a", "host-b"};

Status run_ip(const std::vector<std::string>& arguments) {
  SpawnOptions options;
  options.argv = {"ip"};
  options.argv.insert(options.argv.end(), arguments.begin(), arguments.end());
  CAUSEWAY_ASSIGN(ChildProcess ip, ChildProcess::spawn(options));
  const ExitStatus status = ip.wait();
  if (status.ok()) return {};
  return make_error(ErrorCode::kInternal, "ip {} failed: {}",
                    fmt::join(arguments, " "), status.text());
}

Status set_up_host(int host) {
  CAUSEWAY_TRY(run_ip({"link", "set", "lo", "up"}));
  CAUSEWAY_TRY(run_ip({"address", "add", std::string(kAddresses[host]) + "/30",
                       "dev", kDevices[host]}));
  return run_ip({"link", "set", kDevices[host], "up"});
}

}  // namespace

Result<std::unique_ptr<NamespaceThread>> NamespaceThread::create() {
  std::unique_ptr<NamespaceThread> made(new NamespaceThread());
  made->thread_ = std::thread(&NamespaceThread::loop, made.get());
  std::unique_lock lock(made->mutex_);
  made->changed_.wait(lock, [&] { return made->ready_; });
  if (made->unshare_errno_ != 0) {
    lock.unlock();
    return errno_error(made->unshare_errno_, "making a network namespace");
  }
  return made;
}

NamespaceThread::~NamespaceThread() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
    changed_.notify_all();
  }
  thread_.join();
}

void NamespaceThread::loop() {
  std::unique_lock lock(mutex_);
  if (unshare(CLONE_NEWNET) != 0) unshare_errno_ = errno;
  tid_ = gettid();
  ready_ = true;
  changed_.notify_all();
  for (;;) {
    changed_.wait(lock, [this] { return ending_ || work_ != nullptr; });
    if (ending_) return;
    result_ = (*work_)();
    work_ = nullptr;
    changed_.notify_all();
  }
}

Status NamespaceThread::run(const std::function<Status()>& work) {
  std::unique_lock lock(mutex_);
  work_ = &work;
  changed_.notify_all();
  changed_.wait(lock, [this] { return work_ == nullptr; });
  return result_;
}

DemoNetwork DemoNetwork::create(std::string* note) {
  DemoNetwork network;
  Status joined = network.join();
  if (joined) {
    *note = "two hosts: network namespaces joined by a veth pair";
    return network;
  }
  for (auto& host : network.hosts_) host.reset();
  *note = fmt::format(
      "two hosts on the loopback (network namespaces need root: {})",
      joined.error().message);
  return network;
}

Status DemoNetwork::join() {
  for (auto& host : hosts_) {
    CAUSEWAY_ASSIGN(host, NamespaceThread::create());
  }
  const std::string other = std::to_string(hosts_[1]->tid());
  CAUSEWAY_TRY(hosts_[0]->run([&] {
    return run_ip({"link", "add", kDevices[0], "type", "veth", "peer", "name",
                   kDevices[1], "netns", other});
  }));
  for (int i = 0; i < kHosts; ++i) {
    CAUSEWAY_TRY(hosts_[i]->run([i] { return set_up_host(i); }));
  }
  return {};
}

std::string DemoNetwork::address(int host) const {
  return hosts_[host] == nullptr ? "127.0.0.1" : kAddresses[host];
}

Status DemoNetwork::run_on(int host, const std::function<Status()>& work) {
  if (hosts_[host] == nullptr) return work();
  return hosts_[host]->run(work);
}

}  // namespace causeway
