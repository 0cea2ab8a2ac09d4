#include "engine/migration/messages.h"

#include <algorithm>

#include "engine/base/bytes.h"
#include "engine/base/limits.h"

namespace causeway {
namespace {

constexpr size_t kWhyBytesMax = 4096;

// The order of Message's alternatives is the wire's type number.
void put(ByteWriter& out, const HelloMessage& m) {
  out.put(kSessionProtocolVersion);
  out.put_string(m.migration);
  out.put_string(m.guest);
  out.put(static_cast<uint8_t>(m.proof));
  out.put(m.digest_key);
  out.put(m.streams);
  out.put(m.put_kinds);
  out.put(static_cast<uint16_t>(m.regions.size()));
  for (const RegionInfo& region : m.regions) {
    out.put(static_cast<uint8_t>(region.kind));
    out.put_string(region.name);
    out.put(region.bytes);
    out.put(region.page_bytes);
  }
}
void put(ByteWriter& out, const ReadyMessage& m) {
  out.put(m.put_kinds);
  out.put(static_cast<uint8_t>(m.content ? 1 : 0));
  if (!m.content) return;
  out.put_bytes(m.content->key);
  out.put(m.content->blocks);
  out.put(m.content->cuts);
}
void put(ByteWriter& out, const MissingMessage& m) {
  out.put(m.region);
  out.put(m.first);
  out.put(m.blocks);
  out.put_bytes(m.bitmap);
}
void put(ByteWriter& out, const RoundEndMessage& m) {
  out.put(m.round);
  out.put(m.fence);
}
void put(ByteWriter& out, const SyncedMessage& m) {
  out.put(m.round);
  out.put_string(std::string_view(m.trouble).substr(0, kWhyBytesMax));
}
void put(ByteWriter& out, const FinalMessage& m) {
  out.put(m.fence);
  out.put_bytes(m.state);
}
void put_duration(ByteWriter& out, Duration duration) {
  out.put(static_cast<uint64_t>(duration.count()));
}
void put(ByteWriter& out, const PreparedMessage& m) {
  out.put(static_cast<uint16_t>(m.roots.size()));
  for (const uint64_t root : m.roots) out.put(root);
  put_duration(out, m.last_blocks);
  put_duration(out, m.proof);
  put_duration(out, m.state_load);
  put_duration(out, m.disk_sync);
  put_duration(out, m.journal);
}
void put(ByteWriter&, const CommitMessage&) {}
void put(ByteWriter& out, const RunningMessage& m) {
  put_duration(out, m.waited);
  put_duration(out, m.journal);
  put_duration(out, m.resume);
  put_duration(out, m.answered);
  out.put(m.engine_cpu_us);
  out.put(m.engine_rss_bytes);
}
void put(ByteWriter& out, const AbortMessage& m) {
  out.put_string(error_code_name(m.code));
  out.put_string(std::string_view(m.why).substr(0, kWhyBytesMax));
}

Duration get_duration(ByteReader& in) {
  // An hour bounds what arithmetic on a peer's figures can reach.
  constexpr uint64_t kMax = 3600ull * 1'000'000'000;
  const auto ns = in.get<uint64_t>();
  return Duration(static_cast<int64_t>(ns < kMax ? ns : kMax));
}

bool get(ByteReader& in, HelloMessage& m) {
  if (in.get<uint32_t>() != kSessionProtocolVersion) return false;
  m.migration = in.get_string(kNameBytesMax);
  m.guest = in.get_string(kNameBytesMax);
  const auto proof = in.get<uint8_t>();
  if (proof < 1 || proof > 3) return false;
  m.proof = static_cast<ProofLevel>(proof);
  m.digest_key = in.get<uint64_t>();
  m.streams = in.get<uint32_t>();
  m.put_kinds = in.get<uint32_t>();
  const auto regions = in.get<uint16_t>();
  if (regions == 0 || regions > kRegionsMax) return false;
  if (m.streams == 0 || m.streams > kStreamsMax) return false;
  for (uint16_t i = 0; i < regions && in.ok(); ++i) {
    RegionInfo region;
    region.id = i;
    const auto kind = in.get<uint8_t>();
    if (kind < 1 || kind > 2) return false;
    region.kind = static_cast<RegionKind>(kind);
    region.name = in.get_string(kNameBytesMax);
    region.bytes = in.get<uint64_t>();
    region.page_bytes = in.get<uint32_t>();
    m.regions.push_back(std::move(region));
  }
  return true;
}
bool get(ByteReader& in, ReadyMessage& m) {
  m.put_kinds = in.get<uint32_t>();
  const auto offers = in.get<uint8_t>();
  if (offers == 0) return true;
  m.content.emplace();
  const auto key = in.get_bytes(m.content->key.size());
  if (offers != 1 || key.size() != m.content->key.size()) return false;
  std::copy(key.begin(), key.end(), m.content->key.begin());
  m.content->blocks = in.get<uint64_t>();
  m.content->cuts = in.get<uint8_t>();
  return true;
}
bool get(ByteReader& in, MissingMessage& m) {
  m.region = in.get<RegionId>();
  m.first = in.get<uint64_t>();
  m.blocks = in.get<uint32_t>();
  const auto bitmap = in.get_bytes(kMissingBlocksMax / 8);
  m.bitmap.assign(bitmap.begin(), bitmap.end());
  if (m.blocks == 0 || m.blocks > kMissingBlocksMax) return false;
  return m.bitmap.empty() || m.bitmap.size() == (m.blocks + 7) / 8;
}
bool get(ByteReader& in, RoundEndMessage& m) {
  m.round = in.get<uint32_t>();
  m.fence = in.get<uint64_t>();
  return true;
}
bool get(ByteReader& in, SyncedMessage& m) {
  m.round = in.get<uint32_t>();
  m.trouble = in.get_string(kWhyBytesMax);
  return true;
}
bool get(ByteReader& in, FinalMessage& m) {
  m.fence = in.get<uint64_t>();
  const auto state = in.get_bytes(kStateBytesMax);
  m.state.assign(state.begin(), state.end());
  return true;
}
bool get(ByteReader& in, PreparedMessage& m) {
  const auto roots = in.get<uint16_t>();
  if (roots > kRegionsMax) return false;
  for (uint16_t i = 0; i < roots; ++i) m.roots.push_back(in.get<uint64_t>());
  m.last_blocks = get_duration(in);
  m.proof = get_duration(in);
  m.state_load = get_duration(in);
  m.disk_sync = get_duration(in);
  m.journal = get_duration(in);
  return true;
}
bool get(ByteReader&, CommitMessage&) { return true; }
bool get(ByteReader& in, RunningMessage& m) {
  m.waited = get_duration(in);
  m.journal = get_duration(in);
  m.resume = get_duration(in);
  m.answered = get_duration(in);
  m.engine_cpu_us = in.get<uint64_t>();
  m.engine_rss_bytes = in.get<uint64_t>();
  return true;
}
bool get(ByteReader& in, AbortMessage& m) {
  const auto code = error_code_from_name(in.get_string(kNameBytesMax));
  m.code = code.value_or(ErrorCode::kPeerBroken);
  m.why = in.get_string(kWhyBytesMax);
  return true;
}

template <size_t kIndex = 0>
Result<Message> decode_as(size_t type, ByteReader& in) {
  if constexpr (kIndex == std::variant_size_v<Message>) {
    return make_error(ErrorCode::kPeerBroken,
                      "the peer sent a message of unknown type {}", type);
  } else {
    if (type != kIndex) return decode_as<kIndex + 1>(type, in);
    std::variant_alternative_t<kIndex, Message> message;
    if (!get(in, message) || !in.finished()) {
      return make_error(ErrorCode::kPeerBroken,
                        "the peer sent a malformed message of type {}", type);
    }
    return Message(std::move(message));
  }
}

}  // namespace

const char* proof_level_name(ProofLevel level) {
  switch (level) {
    case ProofLevel::kLanded:
      return "landed";
    case ProofLevel::kFrozen:
      return "frozen";
    case ProofLevel::kStrict:
      return "strict";
  }
  return "unknown";
}

std::vector<std::byte> encode_message(const Message& message) {
  ByteWriter out;
  out.put(static_cast<uint8_t>(message.index()));
  std::visit([&](const auto& m) { put(out, m); }, message);
  return out.take();
}

Result<Message> decode_message(std::span<const std::byte> bytes) {
  ByteReader in(bytes);
  const size_t type = in.get<uint8_t>();
  return decode_as(type, in);
}

}  // namespace causeway
