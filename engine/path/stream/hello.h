// The first bytes of every stream, and the answer. Little-endian.
//
//   0       4         6      7   8                       24      26
//   +-------+---------+------+---+-----------------------+-------+-------
//   | magic | version | role | 0 | token of the migration| index | count
//   +-------+---------+------+---+-----------------------+-------+-------
//      28     30      32
//   ---+------+-------+
//      | lane | lanes |
//   ---+------+-------+
//   0       4         6        8
//   +-------+---------+--------+
//   | magic | version | answer |   sent only to those who know the token
//   +-------+---------+--------+
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "engine/base/result.h"

namespace causeway {

// What both ends of one migration know and nobody else; from a random source.
using PathToken = std::array<std::byte, 16>;

// In time that does not depend on where they differ.
bool tokens_equal(const PathToken& a, const PathToken& b);

enum class StreamRole : uint8_t { kControl = 1, kBulk = 2 };

struct Hello {
  static constexpr size_t kBytes = 32;
  static constexpr uint16_t kVersion = 2;

  uint16_t version = kVersion;
  StreamRole role = StreamRole::kControl;
  PathToken token{};
  uint16_t stream_index = 0;  // of the bulk streams; control: 0
  uint16_t stream_count = 0;  // bulk streams of the path
  uint16_t lane = 0;          // of a striped path's connections
  uint16_t lane_count = 0;    // 0: the path is not striped

  bool operator==(const Hello&) const = default;
};

enum class Answer : uint16_t {
  kWelcome = 1,
  kOtherVersion = 2,      // the acceptor speaks another protocol version
  kOtherStreamCount = 3,  // ... expects another number of streams
  kTaken = 4,             // ... has this stream already
  kOtherLane = 5,         // ... expects another lane, or number of lanes
};

struct Welcome {
  static constexpr size_t kBytes = 8;
  uint16_t version = Hello::kVersion;
  Answer answer = Answer::kWelcome;
};

std::array<std::byte, Hello::kBytes> encode_hello(const Hello& hello);
// Nothing unless magic, role and reserved bytes are right. The version may be
// another one: the rest is then not to be believed, the token is.
std::optional<Hello> decode_hello(
    std::span<const std::byte, Hello::kBytes> bytes);

// What `peer` said to a path of so many streams: nothing, or a sentence.
Status check_welcome(const Welcome& welcome, const std::string& peer,
                     uint16_t streams);

std::array<std::byte, Welcome::kBytes> encode_welcome(const Welcome& welcome);
std::optional<Welcome> decode_welcome(
    std::span<const std::byte, Welcome::kBytes> bytes);

}  // namespace causeway
