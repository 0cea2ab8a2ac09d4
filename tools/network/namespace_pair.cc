#include "tools/network/namespace_pair.h"

#include <fmt/format.h>

#include <vector>

#include "tools/process/child_process.h"

namespace causeway {
namespace {

// Nothing else is in the namespaces that it could collide with.
constexpr const char* kAddresses[][2] = {{"10.77.0.1", "10.77.0.2"},
                                         {"10.77.1.1", "10.77.1.2"}};
constexpr const char* kDevices[][2] = {{"host-a", "host-b"},
                                       {"host-a2", "host-b2"}};
constexpr const char* kMiddleDevices[][2] = {{"wan-a", "wan-b"},
                                             {"wan-a2", "wan-b2"}};
// Locally administered.
constexpr const char* kMacs[][2] = {{"02:00:00:4d:00:01", "02:00:00:4d:00:02"},
                                    {"02:00:00:4d:01:01", "02:00:00:4d:01:02"}};

Status run_tool(const std::vector<std::string>& argv) {
  SpawnOptions options;
  options.argv = argv;
  CAUSEWAY_ASSIGN(ChildProcess tool, ChildProcess::spawn(options));
  const ExitStatus status = tool.wait();
  if (status.ok()) return {};
  return make_error(ErrorCode::kInternal, "{} failed: {}", fmt::join(argv, " "),
                    status.text());
}

Status run_ip(const std::vector<std::string>& arguments) {
  std::vector<std::string> argv = {"ip"};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  return run_tool(argv);
}

Status set_up_host(int host, int cable, const std::string& mtu) {
  const char* const device = kDevices[cable][host];
  CAUSEWAY_TRY(run_ip({"link", "set", "lo", "up"}));
  CAUSEWAY_TRY(
      run_ip({"address", "add", std::string(kAddresses[cable][host]) + "/30",
              "dev", device}));
  return run_ip({"link", "set", device, "mtu", mtu, "up"});
}

// A line that loses frames loses ARP's as well, and after three lost requests
// the kernel has no route to the host: hosts at the ends of a real line have
// routers for neighbours, which do not ask across it.
Status introduce(int host, int cable) {
  const int other = 1 - host;
  return run_ip({"neighbour", "replace", kAddresses[cable][other], "lladdr",
                 kMacs[cable][other], "dev", kDevices[cable][host], "nud",
                 "permanent"});
}

// A link between a device here and one in the namespace of that thread.
Status add_link(const char* device, const char* peer, int peer_tid) {
  return run_ip({"link", "add", device, "type", "veth", "peer", "name", peer,
                 "netns", std::to_string(peer_tid)});
}

// Without an address, not even a link-local one: frames only pass.
Status set_up_middle(const char* device, const std::string& mtu) {
  return run_ip(
      {"link", "set", device, "mtu", mtu, "addrgenmode", "none", "up"});
}

// The kernel then cuts what TCP and UDP send into frames before they reach the
// interface. (gso_max_segs 1 does it too, but has TCP send single segments:
// 0.3 Gbit/s where this gives 0.95.)
Status send_single_frames(const char* device) {
  return run_tool({"ethtool", "-K", device, "tso", "off", "gso", "off", "gro",
                   "off", "tx-udp-segmentation", "off"});
}

}  // namespace

Result<NamespacePair> NamespacePair::create(Wiring wiring, int mtu,
                                            int cables) {
  CAUSEWAY_ASSERT(cables >= 1 && cables <= kCablesMax);
  NamespacePair pair;
  for (auto& host : pair.hosts_) {
    CAUSEWAY_ASSIGN(host, NamespaceThread::create());
  }
  if (wiring == Wiring::kThroughMiddle) {
    CAUSEWAY_ASSIGN(pair.middle_, NamespaceThread::create());
  }
  for (int cable = 0; cable < cables; ++cable) {
    CAUSEWAY_TRY(pair.join(wiring, mtu, cable));
  }
  return pair;
}

Status NamespacePair::join(Wiring wiring, int mtu, int cable) {
  const std::string mtu_text = std::to_string(mtu);
  CAUSEWAY_TRY(wiring == Wiring::kThroughMiddle
                   ? join_by_middle(cable, mtu_text)
                   : join_directly(cable));
  for (int i = 0; i < kHosts; ++i) {
    const auto set_up = [&]() -> Status {
      CAUSEWAY_TRY(set_up_host(i, cable, mtu_text));
      return wiring == Wiring::kThroughMiddle ? introduce(i, cable) : Status{};
    };
    CAUSEWAY_TRY(hosts_[i]->run(set_up));
  }
  return {};
}

Status NamespacePair::join_directly(int cable) {
  const int other = hosts_[1]->tid();
  return hosts_[0]->run(
      [&] { return add_link(kDevices[cable][0], kDevices[cable][1], other); });
}

Status NamespacePair::join_by_middle(int cable, const std::string& mtu) {
  const int middle = middle_->tid();
  for (int i = 0; i < kHosts; ++i) {
    const char* const device = kDevices[cable][i];
    const char* const far_end = kMiddleDevices[cable][i];
    const auto join = [&]() -> Status {
      CAUSEWAY_TRY(add_link(device, far_end, middle));
      CAUSEWAY_TRY(run_ip({"link", "set", device, "address", kMacs[cable][i]}));
      return send_single_frames(device);
    };
    CAUSEWAY_TRY(hosts_[i]->run(join));
    CAUSEWAY_TRY(middle_->run([&] { return set_up_middle(far_end, mtu); }));
  }
  return {};
}

Status NamespacePair::run_in_middle(const std::function<Status()>& work) {
  CAUSEWAY_ASSERT(middle_ != nullptr);
  return middle_->run(work);
}

std::string NamespacePair::middle_interface(int host, int cable) {
  return kMiddleDevices[cable][host];
}

std::string NamespacePair::address(int host, int cable) const {
  return kAddresses[cable][host];
}

std::string NamespacePair::device(int host, int cable) const {
  return kDevices[cable][host];
}

Status NamespacePair::run_on(int host, const std::function<Status()>& work) {
  return hosts_[host]->run(work);
}

// One end down is carrier lost at the other.
Status NamespacePair::cut() {
  return run_on(0, [] {
    return run_ip({"link", "set", kDevices[0][0], "down"});
  });
}

Status NamespacePair::mend() {
  return run_on(0, [] {
    return run_ip({"link", "set", kDevices[0][0], "up"});
  });
}

}  // namespace causeway
