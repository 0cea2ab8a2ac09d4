#include "engine/path/stream/hello.h"

#include <algorithm>

#include "engine/base/assert.h"
#include "engine/base/bytes.h"

namespace causeway {
namespace {

constexpr uint32_t kHelloMagic = 0x48'46'57'43;    // "CWFH"
constexpr uint32_t kWelcomeMagic = 0x57'46'57'43;  // "CWFW"

template <size_t kBytes>
std::array<std::byte, kBytes> fixed(ByteWriter& writer) {
  const auto bytes = writer.take();
  CAUSEWAY_ASSERT(bytes.size() == kBytes);
  std::array<std::byte, kBytes> out;
  std::copy(bytes.begin(), bytes.end(), out.begin());
  return out;
}

}  // namespace

bool tokens_equal(const PathToken& a, const PathToken& b) {
  // volatile: the compiler must not turn this into an early exit.
  volatile uint8_t difference = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    difference = difference | static_cast<uint8_t>(a[i] ^ b[i]);
  }
  return difference == 0;
}

std::array<std::byte, Hello::kBytes> encode_hello(const Hello& hello) {
  ByteWriter writer;
  writer.put(kHelloMagic);
  writer.put(hello.version);
  writer.put(static_cast<uint8_t>(hello.role));
  writer.put(uint8_t{0});
  for (const std::byte byte : hello.token) {
    writer.put(static_cast<uint8_t>(byte));
  }
  writer.put(hello.stream_index);
  writer.put(hello.stream_count);
  writer.put(hello.lane);
  writer.put(hello.lane_count);
  return fixed<Hello::kBytes>(writer);
}

std::optional<Hello> decode_hello(
    std::span<const std::byte, Hello::kBytes> bytes) {
  ByteReader reader(bytes);
  if (reader.get<uint32_t>() != kHelloMagic) return std::nullopt;
  Hello hello;
  hello.version = reader.get<uint16_t>();
  const auto role = reader.get<uint8_t>();
  const bool known_role = role == static_cast<uint8_t>(StreamRole::kControl) ||
                          role == static_cast<uint8_t>(StreamRole::kBulk);
  if (!known_role || reader.get<uint8_t>() != 0) return std::nullopt;
  hello.role = static_cast<StreamRole>(role);
  for (std::byte& byte : hello.token) byte = std::byte{reader.get<uint8_t>()};
  hello.stream_index = reader.get<uint16_t>();
  hello.stream_count = reader.get<uint16_t>();
  hello.lane = reader.get<uint16_t>();
  hello.lane_count = reader.get<uint16_t>();
  CAUSEWAY_ASSERT(reader.finished());
  return hello;
}

std::array<std::byte, Welcome::kBytes> encode_welcome(const Welcome& welcome) {
  ByteWriter writer;
  writer.put(kWelcomeMagic);
  writer.put(welcome.version);
  writer.put(static_cast<uint16_t>(welcome.answer));
  return fixed<Welcome::kBytes>(writer);
}

std::optional<Welcome> decode_welcome(
    std::span<const std::byte, Welcome::kBytes> bytes) {
  ByteReader reader(bytes);
  if (reader.get<uint32_t>() != kWelcomeMagic) return std::nullopt;
  Welcome welcome;
  welcome.version = reader.get<uint16_t>();
  const auto answer = reader.get<uint16_t>();
  if (answer < static_cast<uint16_t>(Answer::kWelcome) ||
      answer > static_cast<uint16_t>(Answer::kOtherLane)) {
    return std::nullopt;
  }
  welcome.answer = static_cast<Answer>(answer);
  return welcome;
}

Status check_welcome(const Welcome& welcome, const std::string& peer,
                     uint16_t streams) {
  switch (welcome.answer) {
    case Answer::kWelcome:
      return {};
    case Answer::kOtherVersion:
      return make_error(ErrorCode::kIncompatible,
                        "{} speaks version {} of the stream protocol, this "
                        "host version {}: install the same Causeway on both.",
                        peer, welcome.version, Hello::kVersion);
    case Answer::kOtherStreamCount:
      return make_error(ErrorCode::kIncompatible,
                        "{} expects another number of streams than {}.", peer,
                        streams);
    case Answer::kTaken:
      return make_error(ErrorCode::kPermission,
                        "{} has this migration's stream from someone else.",
                        peer);
    case Answer::kOtherLane:
      return make_error(ErrorCode::kIncompatible,
                        "{} expects other lanes of the path.", peer);
  }
  return make_error(ErrorCode::kPeerBroken, "{} gave no answer that is known.",
                    peer);
}

}  // namespace causeway
