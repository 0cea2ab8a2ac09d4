// The first bytes of an rdma path's control stream, from the target: where its
// verbs devices are, and the secret by which it knows the source there.
//
//   0       4         6         8        40      44              108      300
//   +-------+---------+---------+--------+-------+---------------+-- ... --+
//   | magic | version | workers | secret | ports | address, 0 ...|  again  |
//   +-------+---------+---------+--------+-------+---------------+-- ... --+
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "engine/base/result.h"
#include "rdma/limits.h"

namespace causeway {

// Of one path; from a random source.
using RdmaSecret = std::array<std::byte, 32>;

struct RdmaOffer {
  static constexpr size_t kHeadBytes = 8;  // magic to workers, in any version
  static constexpr size_t kAddressBytesMax = 63;
  static constexpr size_t kBytes = 44 + kRdmaPortsMax * (kAddressBytesMax + 1);
  uint16_t workers = 0;
  RdmaSecret secret{};
  // "10.0.0.1:4711", in the order of the fabrics; empty: its device is not
  // there after all.
  std::vector<std::string> addresses;
};

std::array<std::byte, RdmaOffer::kBytes> encode_offer(const RdmaOffer& offer);
// Bytes from outside. kIncompatible: another version; kPeerBroken: no offer.
Status check_offer_head(
    std::span<const std::byte, RdmaOffer::kHeadBytes> bytes);
Result<RdmaOffer> decode_offer(
    std::span<const std::byte, RdmaOffer::kBytes> bytes);

// The source's answer, once it has its connections or cannot have them.
//
//   magic u32, verdict u32
enum class RdmaVerdict : uint32_t { kRdma = 1, kStreams = 2 };
inline constexpr size_t kRdmaVerdictBytes = 8;
std::array<std::byte, kRdmaVerdictBytes> encode_verdict(RdmaVerdict verdict);
Result<RdmaVerdict> decode_verdict(
    std::span<const std::byte, kRdmaVerdictBytes> bytes);

// What the target says when it lets a connection in (rdma_cm's private data):
// where staged payloads go, and its limits.
//
//   address u64, key u32, ring bytes u32, messages u32, pinned bytes u64
struct RdmaWelcome {
  static constexpr size_t kBytes = 28;
  uint64_t staging_address = 0;
  uint32_t staging_key = 0;
  uint32_t staging_bytes = 0;
  uint32_t messages = 0;      // its receive buffers
  uint64_t pinned_bytes = 0;  // of guest memory that it registers at once
};

std::array<std::byte, RdmaWelcome::kBytes> encode_rdma_welcome(
    const RdmaWelcome& welcome);
// Bytes from outside; more than were sent may come, rdma_cm pads.
Result<RdmaWelcome> decode_rdma_welcome(std::span<const std::byte> bytes);

}  // namespace causeway
