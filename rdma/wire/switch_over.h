// How a worker leaves its RDMA connection for its stream, which has been open
// and silent until then. From the answer on the stream carries frames as that
// of a tcp path (engine/path/stream).
//
//   source                                        target
//     please leave     ------------------------>    (or by itself: the
//                                                    connection broke, or the
//                                                    guest is about to run)
//                                                    destroys its queue pair
//                      <------------------------  left, `taken` messages
//     posts again what those do not hold
//
//   0       4      8       16                24
//   +-------+------+-------+-----------------+
//   | magic | kind | taken | 0               |
//   +-------+------+-------+-----------------+
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "engine/base/result.h"

namespace causeway {

struct SwitchOver {
  static constexpr size_t kBytes = 24;
  enum class Kind : uint32_t { kPleaseLeave = 1, kLeft = 2 };
  Kind kind = Kind::kPleaseLeave;
  uint64_t taken = 0;  // of kLeft
};

std::array<std::byte, SwitchOver::kBytes> encode_switch_over(
    const SwitchOver& message);
// Bytes from outside: kPeerBroken unless all of it is right.
Result<SwitchOver> decode_switch_over(
    std::span<const std::byte, SwitchOver::kBytes> bytes);

}  // namespace causeway
