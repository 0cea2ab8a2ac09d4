#include "tests/dpdk-wan/port/port_network.h"

#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "engine/runtime/clock.h"

namespace causeway {
namespace {

constexpr uint16_t kPortOfA = 4433;

// As `ethtool -K DEVICE tx off`.
Status sum_in_software(const std::string& device) {
  const UniqueFd fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ethtool_value off{ETHTOOL_STXCSUM, 0};
  ifreq request{};
  std::strncpy(request.ifr_name, device.c_str(), IFNAMSIZ - 1);
  request.ifr_data = reinterpret_cast<char*>(&off);
  if (::ioctl(fd.get(), SIOCETHTOOL, &request) == 0) return {};
  return errno_error(errno, "turning off checksum offload");
}

}  // namespace

Result<std::unique_ptr<PortNetwork>> PortNetwork::create(
    const PortNetworkOptions& options) {
  auto pair = NamespacePair::create();
  if (!pair && ::geteuid() != 0) {
    return make_error(ErrorCode::kPermission,
                      "network namespaces need root: {}", pair.error().message);
  }
  if (!pair) return std::move(pair).error();
  std::unique_ptr<PortNetwork> made(new PortNetwork(std::move(*pair), options));
  CAUSEWAY_TRY(made->set_up());
  return made;
}

Status PortNetwork::set_up() {
  for (int host = 0; host < NamespacePair::kHosts; ++host) {
    const std::string name = device(host);
    CAUSEWAY_TRY(run(host, fmt::format("ip address flush dev {0} && "
                                       "ip link set {0} mtu {1}",
                                       name, options_.mtu_bytes)));
    CAUSEWAY_TRY(run(host, fmt::format("echo 1 > /proc/sys/net/ipv6/conf/{}/"
                                       "disable_ipv6",
                                       name)));
  }
  return {};
}

std::string PortNetwork::address(int host) const {
  return options_.v6 ? fmt::format("2001:db8::{}/64", host + 1)
                     : pair_.address(host) + "/30";
}

PortOptions PortNetwork::port_options(int host) const {
  PortOptions options;
  options.device = fmt::format("net_af_packet{},iface={}", host, device(host));
  options.address = address(host);
  options.udp_port = static_cast<uint16_t>(kPortOfA + host);
  options.mtu_bytes = options_.mtu_bytes;
  return options;
}

Result<std::unique_ptr<DpdkPacketIo>> PortNetwork::open_port(int host) const {
  return open_port(host, port_options(host));
}

Result<std::unique_ptr<DpdkPacketIo>> PortNetwork::open_port(
    int host, const PortOptions& options) const {
  std::unique_ptr<DpdkPacketIo> port;
  CAUSEWAY_TRY(run_on(host, [&]() -> Status {
    CAUSEWAY_ASSIGN(port, DpdkPacketIo::open(options));
    return {};
  }));
  return port;
}

Status PortNetwork::use_kernel(int host) {
  const std::string name = device(host);
  CAUSEWAY_TRY(run_on(host, [&] { return sum_in_software(name); }));
  CAUSEWAY_TRY(run(host, fmt::format("echo 0 > /proc/sys/net/ipv6/conf/{}/"
                                     "disable_ipv6",
                                     name)));
  return run(host, fmt::format("ip address add {} dev {}{}", address(host),
                               name, options_.v6 ? " nodad" : ""));
}

Result<UniqueFd> PortNetwork::open_socket(int host,
                                          SocketAddress& local) const {
  const std::string text = address(host);
  const IpAddress ip = parse_ip_address(text.substr(0, text.find('/'))).value();
  local = to_socket_address(ip, static_cast<uint16_t>(kPortOfA + host));
  UniqueFd fd;
  CAUSEWAY_TRY(run_on(host, [&]() -> Status {
    fd.reset(::socket(local.storage.ss_family,
                      SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (::bind(fd.get(), local.get(), local.bytes) == 0) return {};
    return errno_error(errno, "binding the test's socket");
  }));
  return fd;
}

Status PortNetwork::run(int host, const std::string& command) const {
  return run_on(host, [&]() -> Status {
    const int status = std::system(command.c_str());
    if (status == 0) return {};
    return make_error(ErrorCode::kInternal, "'{}' failed: {}", command, status);
  });
}

Status PortNetwork::run_on(int host,
                           const std::function<Status()>& work) const {
  return pair_.run_on(host, work);
}

void sleep_until(const WaitSet& set, Instant until) {
  std::vector<pollfd> fds;
  for (const auto& entry : set.entries()) {
    fds.push_back({entry.fd, entry.events, 0});
  }
  const Duration most = std::chrono::seconds(1);
  const Duration time = std::clamp(until - monotonic_now(), Duration(0), most);
  const timespec timeout{0, std::min<long>(time.count(), 999'999'999)};
  (void)::ppoll(fds.data(), fds.size(), &timeout, nullptr);
}

}  // namespace causeway
