// Two network namespaces joined by veth, for ports and for the kernel's own
// sockets at the ends. They go with the test, however it ends.
#pragma once

#include <memory>
#include <string>

#include "dpdk-wan/port/dpdk_packet_io.h"
#include "engine/base/unique_fd.h"
#include "tools/network/namespace_pair.h"

namespace causeway {

struct PortNetworkOptions {
  bool v6 = false;
  uint32_t mtu_bytes = 1500;
};

class PortNetwork {
 public:
  // kPermission: not root.
  static Result<std::unique_ptr<PortNetwork>> create(
      const PortNetworkOptions& options);

  // Of a port on this host (0, 1): net_af_packet on its end of the cable. The
  // kernel has no address there, but for use_kernel().
  PortOptions port_options(int host) const;
  Result<std::unique_ptr<DpdkPacketIo>> open_port(int host) const;
  Result<std::unique_ptr<DpdkPacketIo>> open_port(
      int host, const PortOptions& options) const;

  // The kernel has this host's address, and what it sends has its checksums:
  // over veth it leaves them to a NIC that is not there.
  Status use_kernel(int host);
  // "10.77.0.2/30"
  std::string address(int host) const;
  // A UDP socket of the kernel's there.
  Result<UniqueFd> open_socket(int host, SocketAddress& local) const;

  // A shell command on that host.
  Status run(int host, const std::string& command) const;
  Status run_on(int host, const std::function<Status()>& work) const;
  std::string device(int host) const { return pair_.device(host); }
  bool v6() const { return options_.v6; }
  Status cut() { return pair_.cut(); }
  Status mend() { return pair_.mend(); }

 private:
  PortNetwork(NamespacePair pair, const PortNetworkOptions& options)
      : pair_(std::move(pair)), options_(options) {}
  Status set_up();

  mutable NamespacePair pair_;
  PortNetworkOptions options_;
};

// Sleeps until an fd of the set is ready or `until` has come, 1 s at most.
void sleep_until(const WaitSet& set, Instant until);

}  // namespace causeway
