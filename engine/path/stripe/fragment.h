// The pieces of a striped path's control messages. Each is a control message
// of one lane. Little-endian:
//
//   0       4    5    8          16
//   +-------+----+----+----------+--------------------------------------+
//   | magic |kind| 0  | number   | up to kFragmentBytesMax of a message |
//   +-------+----+----+----------+--------------------------------------+
//
//   piece, last piece of a message, farewell (no more comes; no bytes):
//     number = its sequence, from 1, over all lanes
//   received (no bytes): number = pieces that have come by this lane
//
// Pure functions; decoding treats every byte as hostile.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "engine/base/result.h"

namespace causeway {

enum class FragmentKind : uint8_t {
  kPiece = 1,
  kLastPiece = 2,
  kFarewell = 3,
  kReceived = 4,
};

struct Fragment {
  static constexpr size_t kHeadBytes = 16;

  FragmentKind kind = FragmentKind::kPiece;
  uint64_t number = 0;
  std::span<const std::byte> bytes;
};

std::vector<std::byte> encode_fragment(const Fragment& fragment);
// `bytes` of the result lie in the message. kPeerBroken: it is none.
Result<Fragment> decode_fragment(std::span<const std::byte> message);

}  // namespace causeway
