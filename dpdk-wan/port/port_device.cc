#include "dpdk-wan/port/port_device.h"

#include <net/if.h>
#include <rte_dev.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>

#include "dpdk-wan/port/eal.h"
#include "dpdk-wan/port/limits.h"
#include "engine/base/assert.h"
#include "engine/base/unique_fd.h"

namespace causeway {
namespace {

// What DPDK returns, negative or in rte_errno, with what its log says.
Error device_error(ErrorCode code, const DeviceName& name,
                   std::string_view what, int error) {
  return make_error(code, "The DPDK device {} {}: {}. {}", name.name, what,
                    ::rte_strerror(error), take_eal_complaints());
}

// What the driver's own messages would hide behind "-1".
Status check_interface(const DeviceName& name, uint32_t mtu_bytes) {
  if (name.interface.empty()) return {};
  const UniqueFd raw(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
  if (!raw) {
    return make_error(ErrorCode::kPermission,
                      "The DPDK device {} needs CAP_NET_RAW: run as root, or "
                      "give the program the capability.",
                      name.name);
  }
  if (name.interface.size() >= IFNAMSIZ ||
      ::if_nametoindex(name.interface.c_str()) == 0) {
    return make_error(ErrorCode::kNotFound,
                      "There is no interface {} for the DPDK device {} in this "
                      "network namespace.",
                      name.interface, name.name);
  }
  ifreq request{};
  std::strncpy(request.ifr_name, name.interface.c_str(), IFNAMSIZ - 1);
  if (::ioctl(raw.get(), SIOCGIFMTU, &request) == 0 &&
      request.ifr_mtu < static_cast<int>(mtu_bytes)) {
    return make_error(ErrorCode::kInvalidArgument,
                      "{} takes frames of {} bytes, and {} were asked for: ip "
                      "link set {} mtu {}, or ask for less.",
                      name.interface, request.ifr_mtu, mtu_bytes,
                      name.interface, mtu_bytes);
  }
  return {};
}

constexpr uint64_t kSumsSent =
    RTE_ETH_TX_OFFLOAD_IPV4_CKSUM | RTE_ETH_TX_OFFLOAD_UDP_CKSUM;
constexpr uint64_t kSumsReceived =
    RTE_ETH_RX_OFFLOAD_IPV4_CKSUM | RTE_ETH_RX_OFFLOAD_UDP_CKSUM;

}  // namespace

Result<std::unique_ptr<PortDevice>> PortDevice::open(const DeviceName& name,
                                                     uint32_t mtu_bytes) {
  CAUSEWAY_ASSERT(mtu_bytes >= kMtuBytesMin && mtu_bytes <= kMtuBytesMax);
  CAUSEWAY_TRY(check_interface(name, mtu_bytes));
  CAUSEWAY_TRY(set_up_eal(name.is_pci ? name.name : ""));
  (void)take_eal_complaints();
  std::unique_ptr<PortDevice> made(new PortDevice());
  CAUSEWAY_TRY(made->attach(name));
  CAUSEWAY_TRY(made->make_buffers(name, mtu_bytes));
  CAUSEWAY_TRY(made->configure(name, mtu_bytes));
  CAUSEWAY_TRY(made->make_queues(name));
  CAUSEWAY_TRY(made->start(name));
  return made;
}

PortDevice::~PortDevice() {
  if (attached_) {
    (void)::rte_eth_dev_stop(id_);
    (void)::rte_eth_dev_close(id_);
    (void)::rte_dev_remove(device_);
  }
  ::rte_mempool_free(buffers_);
}

Status PortDevice::attach(const DeviceName& name) {
  // A PCI device is there from the beginning if EAL was set up with it.
  const bool is_there =
      ::rte_eth_dev_get_port_by_name(name.name.c_str(), &id_) == 0;
  if (is_there && !name.is_pci) {
    return make_error(ErrorCode::kAlreadyExists,
                      "The DPDK device {} is in use in this process: give "
                      "another number to its name.",
                      name.name);
  }
  if (!is_there) {
    const int status = ::rte_dev_probe(name.arguments.c_str());
    if (status != 0 ||
        ::rte_eth_dev_get_port_by_name(name.name.c_str(), &id_) != 0) {
      return device_error(ErrorCode::kNotFound, name,
                          name.is_pci
                              ? "is not there, or its kernel driver has it "
                                "(dpdk-devbind.py --bind=vfio-pci)"
                              : "cannot be made",
                          status == 0 ? ENODEV : -status);
    }
  }
  attached_ = true;
  rte_eth_dev_info info{};
  if (const int status = ::rte_eth_dev_info_get(id_, &info); status != 0) {
    return device_error(ErrorCode::kIo, name, "does not describe itself",
                        -status);
  }
  device_ = info.device;
  rte_ether_addr mac{};
  if (const int status = ::rte_eth_macaddr_get(id_, &mac); status != 0) {
    return device_error(ErrorCode::kIo, name, "has no MAC address", -status);
  }
  std::copy_n(mac.addr_bytes, mac_.bytes.size(), mac_.bytes.begin());
  return {};
}

Status PortDevice::make_buffers(const DeviceName& name, uint32_t mtu_bytes) {
  const uint32_t room = frame_room_bytes(mtu_bytes) + RTE_PKTMBUF_HEADROOM;
  // No cache: it would belong to an lcore, and whoever polls is none.
  buffers_ = ::rte_pktmbuf_pool_create(
      fmt::format("causeway-{}", id_).c_str(), kPortBuffers, 0, 0,
      static_cast<uint16_t>(room), ::rte_eth_dev_socket_id(id_));
  if (buffers_ != nullptr) return {};
  return device_error(ErrorCode::kNoSpace, name,
                      fmt::format("gets no {} MiB for its buffers (more huge "
                                  "pages: /proc/sys/vm/nr_hugepages)",
                                  (kPortBuffers * room >> 20) + 1),
                      rte_errno);
}

Status PortDevice::configure(const DeviceName& name, uint32_t mtu_bytes) {
  rte_eth_dev_info info{};
  CAUSEWAY_ASSERT(::rte_eth_dev_info_get(id_, &info) == 0);
  rte_eth_conf conf{};
  constexpr uint32_t kAroundMtuBytes = 14 + 4;
  const uint32_t mtu_max =
      std::min<uint32_t>(info.max_mtu, info.max_rx_pktlen - kAroundMtuBytes);
  if (mtu_bytes <= mtu_max) {
    conf.rxmode.mtu = mtu_bytes;
  } else if (name.interface.empty()) {
    return make_error(ErrorCode::kInvalidArgument,
                      "The DPDK device {} takes an MTU of at most {}, and {} "
                      "was asked for.",
                      name.name, mtu_max, mtu_bytes);
  }
  // net_af_packet says 1500 and does what its interface does.
  sums_sent_ = (info.tx_offload_capa & kSumsSent) == kSumsSent;
  tx_offloads_ = sums_sent_ ? kSumsSent : 0;
  // All that is sent comes from one pool and has one owner.
  tx_offloads_ |= info.tx_offload_capa & RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE;
  conf.txmode.offloads = tx_offloads_;
  conf.rxmode.offloads = info.rx_offload_capa & kSumsReceived;
  if (const int status = ::rte_eth_dev_configure(id_, 1, 1, &conf);
      status != 0) {
    return device_error(ErrorCode::kIo, name, "cannot be configured", -status);
  }
  return {};
}

Status PortDevice::make_queues(const DeviceName& name) {
  uint16_t rx = kQueueDescriptors;
  uint16_t tx = kQueueDescriptors;
  (void)::rte_eth_dev_adjust_nb_rx_tx_desc(id_, &rx, &tx);
  if (rx > kQueueDescriptors || tx > kQueueDescriptors) {
    return make_error(ErrorCode::kIncompatible,
                      "The DPDK device {} wants queues of {} and {} frames: "
                      "there are buffers for {}.",
                      name.name, rx, tx, kQueueDescriptors);
  }
  const auto node = static_cast<unsigned>(::rte_eth_dev_socket_id(id_));
  int status = ::rte_eth_rx_queue_setup(id_, 0, rx, node, nullptr, buffers_);
  if (status == 0) {
    rte_eth_dev_info info{};
    CAUSEWAY_ASSERT(::rte_eth_dev_info_get(id_, &info) == 0);
    rte_eth_txconf conf = info.default_txconf;
    conf.offloads = tx_offloads_;
    status = ::rte_eth_tx_queue_setup(id_, 0, tx, node, &conf);
  }
  if (status == 0) return {};
  return device_error(ErrorCode::kIo, name, "has no queues", -status);
}

Status PortDevice::start(const DeviceName& name) {
  if (const int status = ::rte_eth_dev_start(id_); status != 0) {
    return device_error(ErrorCode::kIo, name, "does not start", -status);
  }
  // IPv6's neighbours ask by multicast. What has no such filter takes all.
  if (::rte_eth_allmulticast_enable(id_) != 0) {
    (void)::rte_eth_promiscuous_enable(id_);
  }
  return {};
}

}  // namespace causeway
