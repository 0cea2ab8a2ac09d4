// Two DPDK ports in two network namespaces, for real: net_af_packet on veth.
#include "engine/runtime/clock.h"
#include "tests/contract/packet_io_contract.h"
#include "tests/dpdk-wan/port/port_network.h"

namespace causeway {
namespace {

class PortLab final : public PacketIoLab {
 public:
  static Result<std::unique_ptr<PacketIoLab>> create(
      const PortNetworkOptions& options) {
    std::unique_ptr<PortLab> lab(new PortLab());
    CAUSEWAY_ASSIGN(lab->network_, PortNetwork::create(options));
    for (int host = 0; host < 2; ++host) {
      CAUSEWAY_ASSIGN(lab->ports_[host], lab->network_->open_port(host));
    }
    return std::unique_ptr<PacketIoLab>(std::move(lab));
  }

  PacketIo& end(int index) override { return *ports_[index]; }
  SocketAddress nowhere() override {
    // Of the prefix of both, and none's.
    const char* address = network_->v6() ? "2001:db8::99" : "10.77.0.3";
    return to_socket_address(parse_ip_address(address).value(), 4433);
  }
  Instant now() override { return monotonic_now(); }
  void wait(const WaitSet& set, Instant until) override {
    sleep_until(set, until);
  }

 private:
  PortLab() = default;
  std::unique_ptr<PortNetwork> network_;
  std::array<std::unique_ptr<DpdkPacketIo>, 2> ports_;
};

MakePacketIoLab lab_of(bool v6, uint32_t mtu_bytes) {
  return [=] { return PortLab::create({v6, mtu_bytes}); };
}

INSTANTIATE_TEST_SUITE_P(DpdkV4, PacketIoContract,
                         testing::Values(lab_of(false, 1500)));
INSTANTIATE_TEST_SUITE_P(DpdkV6, PacketIoContract,
                         testing::Values(lab_of(true, 1500)));
INSTANTIATE_TEST_SUITE_P(DpdkV4Jumbo, PacketIoContract,
                         testing::Values(lab_of(false, 9000)));
INSTANTIATE_TEST_SUITE_P(DpdkV6Jumbo, PacketIoContract,
                         testing::Values(lab_of(true, 9000)));

}  // namespace
}  // namespace causeway
