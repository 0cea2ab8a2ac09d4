#include "tests/dpdk-wan/link/virtual_wire.h"

#include <algorithm>

namespace causeway {
namespace {

constexpr size_t kPayload = 1472;

}  // namespace

class VirtualEndpoint final : public PacketIo {
 public:
  VirtualEndpoint(VirtualWire& wire, size_t side) : wire_(wire), side_(side) {}

  std::span<std::byte> next_packet() override { return room_; }
  void send_packet(size_t bytes, const SocketAddress&, uint8_t ecn) override {
    wire_.send(side_, std::span(room_).first(bytes), ecn);
    ++stats_.packets_sent;
  }
  Result<bool> flush() override { return true; }
  Result<size_t> receive(std::span<ReceivedPacket> packets,
                         Instant now) override {
    auto& arriving = wire_.arriving_[side_];
    held_.clear();
    while (held_.size() < packets.size() && !arriving.empty() &&
           arriving.begin()->first <= now) {
      held_.push_back(std::move(arriving.begin()->second));
      arriving.erase(arriving.begin());
    }
    for (size_t i = 0; i < held_.size(); ++i) {
      packets[i] = {held_[i].bytes, wire_.addresses_[1 - side_], held_[i].ecn};
    }
    stats_.packets_received += held_.size();
    return held_.size();
  }
  void expect_only(const SocketAddress&) override {}
  const SocketAddress& local() const override {
    return wire_.addresses_[side_];
  }
  size_t payload_bytes_max() const override { return kPayload; }
  PacketIoStats stats() const override { return stats_; }
  Instant wait_on(WaitSet&, Instant) const override {
    const auto& arriving = wire_.arriving_[side_];
    return arriving.empty() ? kNever : arriving.begin()->first;
  }

 private:
  VirtualWire& wire_;
  size_t side_;
  std::vector<std::byte> room_ = std::vector<std::byte>(kPayload);
  std::vector<VirtualWire::Packet> held_;
  PacketIoStats stats_;
};

VirtualWire::VirtualWire(const WireTrouble& trouble, uint64_t seed)
    : trouble_(trouble), dice_(seed) {
  addresses_[0] = resolve_address("192.0.2.1:1", false)->front();
  addresses_[1] = resolve_address("192.0.2.2:2", false)->front();
}

std::unique_ptr<PacketIo> VirtualWire::endpoint(size_t side) {
  return std::make_unique<VirtualEndpoint>(*this, side);
}

Instant VirtualWire::next_arrival() const {
  Instant next = kNever;
  for (const auto& arriving : arriving_) {
    if (!arriving.empty()) next = std::min(next, arriving.begin()->first);
  }
  return next;
}

void VirtualWire::send(size_t from, std::span<const std::byte> bytes,
                       uint8_t ecn) {
  const auto chance = [&](double of) {
    return std::uniform_real_distribution<double>(0, 1)(dice_) < of;
  };
  const Duration takes(static_cast<int64_t>(
      1e9 * static_cast<double>(bytes.size()) / trouble_.bytes_s));
  free_[from] = std::max(free_[from], now_) + takes;
  if (chance(trouble_.loss)) {
    ++lost_;
    return;
  }
  Instant arrives = free_[from] + trouble_.delay;
  if (chance(trouble_.reorder)) {
    arrives +=
        Duration(std::uniform_int_distribution<int64_t>(0, 5'000'000)(dice_));
  }
  arriving_[1 - from].emplace(arrives,
                              Packet{{bytes.begin(), bytes.end()}, ecn});
}

}  // namespace causeway
