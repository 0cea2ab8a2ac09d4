#include "tools/network/namespace_pair.h"

#include <fmt/format.h>

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

Result<NamespacePair> NamespacePair::create() {
  NamespacePair pair;
  CAUSEWAY_TRY(pair.join());
  return pair;
}

Status NamespacePair::join() {
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

std::string NamespacePair::address(int host) const { return kAddresses[host]; }

Status NamespacePair::run_on(int host, const std::function<Status()>& work) {
  return hosts_[host]->run(work);
}

// One end down is carrier lost at the other.
Status NamespacePair::cut() {
  return run_on(0, [] { return run_ip({"link", "set", kDevices[0], "down"}); });
}

Status NamespacePair::mend() {
  return run_on(0, [] { return run_ip({"link", "set", kDevices[0], "up"}); });
}

}  // namespace causeway
