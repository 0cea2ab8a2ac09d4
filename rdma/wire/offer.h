// The first bytes of an rdma path's control stream, from the target: where its
// verbs device is, and the secret by which it knows the source there.
//
//   0       4         6         8        40              104
//   +-------+---------+---------+--------+---------------+
//   | magic | version | workers | secret | address, 0 ...|
//   +-------+---------+---------+--------+---------------+
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "engine/base/result.h"
#include "rdma/verbs/rendezvous.h"

namespace causeway {

struct RdmaOffer {
  static constexpr size_t kBytes = 104;
  static constexpr size_t kAddressBytesMax = 63;
  uint16_t workers = 0;
  RdmaSecret secret{};
  std::string address;  // "10.0.0.1:4711"
};

std::array<std::byte, RdmaOffer::kBytes> encode_offer(const RdmaOffer& offer);
// Bytes from outside. kIncompatible: another version; kPeerBroken: no offer.
Result<RdmaOffer> decode_offer(
    std::span<const std::byte, RdmaOffer::kBytes> bytes);

}  // namespace causeway
