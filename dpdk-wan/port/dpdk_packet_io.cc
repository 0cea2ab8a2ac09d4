#include "dpdk-wan/port/dpdk_packet_io.h"

#include <rte_mbuf.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <random>

#include "engine/base/assert.h"

namespace causeway {
namespace {

// RFC 6335, 6.
constexpr uint16_t kDynamicPortFirst = 49152;

uint16_t any_port() {
  std::random_device random;
  return std::uniform_int_distribution<uint16_t>(kDynamicPortFirst,
                                                 UINT16_MAX)(random);
}

Status check_mtu(uint32_t mtu_bytes) {
  if (mtu_bytes >= kMtuBytesMin && mtu_bytes <= kMtuBytesMax) return {};
  return make_error(ErrorCode::kInvalidArgument,
                    "An MTU of {} cannot be used: give {} to {}.", mtu_bytes,
                    kMtuBytesMin, kMtuBytesMax);
}

Result<IpPrefix> check_address(const PortOptions& options) {
  CAUSEWAY_ASSIGN(const IpPrefix prefix, parse_ip_prefix(options.address));
  if (prefix.address.is_group_or_none()) {
    return make_error(ErrorCode::kInvalidArgument, "'{}' is no host's address.",
                      options.address);
  }
  return prefix;
}

Result<std::optional<IpAddress>> check_gateway(const PortOptions& options,
                                               const IpPrefix& prefix) {
  if (options.gateway.empty()) return std::optional<IpAddress>();
  CAUSEWAY_ASSIGN(const IpAddress gateway, parse_ip_address(options.gateway));
  if (!prefix.contains(gateway) || gateway == prefix.address) {
    return make_error(ErrorCode::kInvalidArgument,
                      "The gateway {} is not another host of {}.",
                      options.gateway, options.address);
  }
  return std::optional<IpAddress>(gateway);
}

}  // namespace

Result<std::unique_ptr<DpdkPacketIo>> DpdkPacketIo::open(
    const PortOptions& options) {
  CAUSEWAY_TRY(check_mtu(options.mtu_bytes));
  CAUSEWAY_ASSIGN(const IpPrefix prefix, check_address(options));
  CAUSEWAY_ASSIGN(const auto gateway, check_gateway(options, prefix));
  CAUSEWAY_ASSIGN(const DeviceName name,
                  parse_device_name(options.device, options.mtu_bytes));
  CAUSEWAY_ASSIGN(auto device, PortDevice::open(name, options.mtu_bytes));
  spdlog::info("DPDK port {} ({}): {}, MTU {}, checksums by the {}", name.name,
               device->mac().text(), options.address, options.mtu_bytes,
               device->sums_sent() ? "port" : "CPU");
  return std::unique_ptr<DpdkPacketIo>(
      new DpdkPacketIo(std::move(device), prefix, gateway, options));
}

DpdkPacketIo::DpdkPacketIo(std::unique_ptr<PortDevice> device,
                           const IpPrefix& prefix,
                           std::optional<IpAddress> gateway,
                           const PortOptions& options)
    : device_(std::move(device)),
      own_{device_->mac(), prefix.address},
      prefix_(prefix),
      gateway_(gateway),
      local_(to_socket_address(prefix.address, options.udp_port == 0
                                                   ? any_port()
                                                   : options.udp_port)),
      heads_bytes_(udp_heads_bytes(prefix.address.v6)),
      payload_bytes_max_(options.mtu_bytes + kEthernetBytes - heads_bytes_) {
  CAUSEWAY_ASSERT(payload_bytes_max_ >= kPayloadBytesMin);
  CAUSEWAY_ASSERT(!gateway_ || prefix_.contains(*gateway_));
}

DpdkPacketIo::~DpdkPacketIo() {
  ::rte_pktmbuf_free(room_);
  ::rte_pktmbuf_free_bulk(out_.data(), static_cast<unsigned>(out_count_));
  ::rte_pktmbuf_free_bulk(held_.data(), static_cast<unsigned>(held_count_));
  for (size_t i = 0; i < waiting_count_; ++i) {
    ::rte_pktmbuf_free(waiting_[i].buffer);
  }
}

// There is nothing to sleep on but time: as long as it has been quiet, by
// half, so that an answer is late by half its own delay at most.
Instant DpdkPacketIo::wait_on(WaitSet& /*set*/, Instant now) const {
  const Duration quiet = now - last_datagram_;
  if (more_came_ || !announced_ || quiet < kPollAtOnceFor) return now;
  const Duration sleep =
      quiet >= kPollSilence
          ? kPollSleepInSilence
          : std::clamp(quiet / 2, kPollSleepMin, kPollSleepMax);
  return std::clamp(neighbours_.next_due(), now, now + sleep);
}

}  // namespace causeway
