#include "hypervisor-shim/protocol/message.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "engine/base/bytes.h"
#include "hypervisor-shim/protocol/limits.h"

namespace causeway::shim {
namespace {

constexpr size_t kHeaderBytes = 12;

ByteWriter start_packet(Header header) {
  ByteWriter writer;
  writer.put(kMagic);
  writer.put(kProtocolVersion);
  writer.put(static_cast<uint16_t>(header.type));
  writer.put(header.sequence);
  return writer;
}

Packet finish_packet(ByteWriter& writer) {
  Packet packet = writer.take();
  CAUSEWAY_ASSERT(packet.size() <= kShimMessageBytesMax);
  return packet;
}

// Takes values off the front of a payload. Once one does not fit, all that
// follow are zero and empty, and finish() tells which it was.
class Reader {
 public:
  explicit Reader(std::span<const std::byte> payload) : in_(payload) {}

  template <typename T>
  T number(const char* what) {
    const T value = in_.get<T>();
    if (!in_.ok()) fail(what, "is cut off");
    return value;
  }

  std::span<const std::byte> bytes(const char* what, size_t bytes_max) {
    const auto data = in_.get_bytes(bytes_max);
    if (!in_.ok()) fail(what, "is cut off, or longer than allowed");
    return data;
  }

  std::string text(const char* what, size_t bytes_max) {
    const auto data = bytes(what, bytes_max);
    return {reinterpret_cast<const char*>(data.data()), data.size()};
  }

  // The first trouble is the one to tell of.
  void fail(const char* what, const char* trouble) {
    if (what_ != nullptr) return;
    what_ = what;
    trouble_ = trouble;
  }

  Status finish() {
    if (!in_.finished()) fail("message", "has bytes behind its end");
    if (what_ == nullptr) return {};
    return make_error(ErrorCode::kPeerBroken,
                      "shim protocol: the {} {}; the other end is no shim of "
                      "this version, or is broken",
                      what_, trouble_);
  }

 private:
  ByteReader in_;
  const char* what_ = nullptr;
  const char* trouble_ = nullptr;
};

std::string_view cut(std::string_view sentence) {
  return sentence.substr(0, kSentenceBytesMax);
}

bool known_type(uint16_t type) {
  return (type >= static_cast<uint16_t>(MessageType::kPause) &&
          type <= static_cast<uint16_t>(MessageType::kDirtyStop)) ||
         (type >= static_cast<uint16_t>(MessageType::kHello) &&
          type <= static_cast<uint16_t>(MessageType::kError));
}

RegionInfo read_region(Reader& reader, size_t id) {
  RegionInfo region;
  region.id = static_cast<RegionId>(id);
  const auto kind = reader.number<uint32_t>("region kind");
  region.page_bytes = reader.number<uint32_t>("region page size");
  region.bytes = reader.number<uint64_t>("region size");
  region.name = reader.text("region name", kNameBytesMax);
  if (kind != static_cast<uint32_t>(RegionKind::kRam) &&
      kind != static_cast<uint32_t>(RegionKind::kDisk)) {
    reader.fail("region kind", "is neither RAM nor disk");
  }
  region.kind = static_cast<RegionKind>(kind);
  if (region.page_bytes != kBlockBytes && region.page_bytes != 2u << 20)
    reader.fail("region page size", "is neither 4 KiB nor 2 MiB");
  else if (region.bytes == 0 || region.bytes % region.page_bytes != 0)
    reader.fail("region size", "is no multiple of its page size");
  if (region.bytes > kRegionBytesMax)
    reader.fail("region size", "is larger than allowed");
  return region;
}

}  // namespace

const char* message_type_name(MessageType type) {
  switch (type) {
    case MessageType::kPause:
      return "pause";
    case MessageType::kResume:
      return "resume";
    case MessageType::kCommit:
      return "commit";
    case MessageType::kSaveState:
      return "save-state";
    case MessageType::kLoadState:
      return "load-state";
    case MessageType::kCheckFeatures:
      return "check-features";
    case MessageType::kDirtyStart:
      return "dirty-start";
    case MessageType::kDirtyCollect:
      return "dirty-collect";
    case MessageType::kDirtyRearm:
      return "dirty-rearm";
    case MessageType::kDirtyStop:
      return "dirty-stop";
    case MessageType::kHello:
      return "hello";
    case MessageType::kRefused:
      return "refused";
    case MessageType::kDied:
      return "died";
    case MessageType::kOk:
      return "ok";
    case MessageType::kError:
      return "error";
  }
  return "unknown";
}

Result<Message> decode_message(std::span<const std::byte> packet) {
  const auto head = packet.first(std::min(packet.size(), kHeaderBytes));
  Reader reader(head);
  const auto magic = reader.number<uint32_t>("header");
  const auto version = reader.number<uint16_t>("header");
  const auto type = reader.number<uint16_t>("header");
  const auto sequence = reader.number<uint32_t>("header");
  if (head.size() == kHeaderBytes) {
    if (magic != kMagic) {
      reader.fail("header", "does not begin with CWSH");
    } else if (version != kProtocolVersion) {
      return make_error(ErrorCode::kIncompatible,
                        "shim protocol: the other end speaks version {}, this "
                        "end {}; run the same release of Causeway's VMM and "
                        "mover",
                        version, kProtocolVersion);
    } else if (!known_type(type)) {
      reader.fail("message type", "is unknown");
    }
  }
  CAUSEWAY_TRY(reader.finish());
  return Message{Header{static_cast<MessageType>(type), sequence},
                 packet.subspan(kHeaderBytes)};
}

Packet encode_empty(Header header) {
  ByteWriter writer = start_packet(header);
  return finish_packet(writer);
}

Status decode_empty(std::span<const std::byte> payload) {
  return Reader(payload).finish();
}

Packet encode_hello(const GuestSpec& spec) {
  CAUSEWAY_ASSERT(spec.regions.size() <= kRegionsMax);
  CAUSEWAY_ASSERT(spec.features.size() <= kFeaturesBytesMax);
  ByteWriter writer = start_packet(Header{MessageType::kHello, 0});
  writer.put(spec.vcpus);
  writer.put_string(spec.name);
  writer.put_string(spec.hypervisor);
  writer.put_string(spec.tracker);
  writer.put(static_cast<uint32_t>(spec.regions.size()));
  for (const RegionInfo& region : spec.regions) {
    writer.put(static_cast<uint32_t>(region.kind));
    writer.put(region.page_bytes);
    writer.put(region.bytes);
    writer.put_string(region.name);
  }
  writer.put_bytes(spec.features);
  return finish_packet(writer);
}

Result<GuestSpec> decode_hello(std::span<const std::byte> payload) {
  Reader reader(payload);
  GuestSpec spec;
  spec.vcpus = reader.number<uint32_t>("vCPU count");
  spec.name = reader.text("guest name", kNameBytesMax);
  spec.hypervisor = reader.text("hypervisor name", kNameBytesMax);
  spec.tracker = reader.text("tracker name", kNameBytesMax);
  auto regions = reader.number<uint32_t>("region count");
  if (regions > kRegionsMax) {
    reader.fail("region count", "is larger than allowed");
    regions = 0;
  }
  for (uint32_t id = 0; id < regions; ++id)
    spec.regions.push_back(read_region(reader, id));
  const auto features = reader.bytes("features", kFeaturesBytesMax);
  spec.features.assign(features.begin(), features.end());
  CAUSEWAY_TRY(reader.finish());
  return spec;
}

Packet encode_error(Header header, const Error& error) {
  ByteWriter writer = start_packet(header);
  writer.put_string(error_code_name(error.code));
  writer.put_string(cut(error.message));
  return finish_packet(writer);
}

Error decode_error(std::span<const std::byte> payload) {
  Reader reader(payload);
  const std::string name = reader.text("error code", kNameBytesMax);
  std::string sentence = reader.text("error sentence", kSentenceBytesMax);
  if (const Status whole = reader.finish(); !whole) return whole.error();
  // A code of a later release is still an error with a sentence.
  return make_error(error_code_from_name(name).value_or(ErrorCode::kInternal),
                    "{}", sentence);
}

Packet encode_died(const std::string& why) {
  ByteWriter writer = start_packet(Header{MessageType::kDied, 0});
  writer.put_string(cut(why));
  return finish_packet(writer);
}

Result<std::string> decode_died(std::span<const std::byte> payload) {
  Reader reader(payload);
  std::string why = reader.text("reason", kSentenceBytesMax);
  CAUSEWAY_TRY(reader.finish());
  return why;
}

Packet encode_moment(Header header, Instant moment) {
  ByteWriter writer = start_packet(header);
  writer.put(static_cast<uint64_t>(moment.time_since_epoch().count()));
  return finish_packet(writer);
}

Result<Instant> decode_moment(std::span<const std::byte> payload) {
  Reader reader(payload);
  const auto ns = reader.number<uint64_t>("moment");
  CAUSEWAY_TRY(reader.finish());
  constexpr auto kLast = static_cast<uint64_t>(Duration::max().count());
  return Instant(Duration(static_cast<int64_t>(std::min(ns, kLast))));
}

Packet encode_version(Header header, Version version) {
  ByteWriter writer = start_packet(header);
  writer.put(version);
  return finish_packet(writer);
}

Result<Version> decode_version(std::span<const std::byte> payload) {
  Reader reader(payload);
  const auto version = reader.number<Version>("version");
  CAUSEWAY_TRY(reader.finish());
  return version;
}

Packet encode_blob_bytes(Header header, uint64_t bytes) {
  ByteWriter writer = start_packet(header);
  writer.put(bytes);
  return finish_packet(writer);
}

Result<uint64_t> decode_blob_bytes(std::span<const std::byte> payload) {
  Reader reader(payload);
  const auto bytes = reader.number<uint64_t>("state size");
  if (bytes > kStateBytesMax)
    reader.fail("state size", "is larger than allowed");
  CAUSEWAY_TRY(reader.finish());
  return bytes;
}

Packet encode_features(Header header, std::span<const std::byte> features) {
  CAUSEWAY_ASSERT(features.size() <= kFeaturesBytesMax);
  ByteWriter writer = start_packet(header);
  writer.put_bytes(features);
  return finish_packet(writer);
}

Result<std::vector<std::byte>> decode_features(
    std::span<const std::byte> payload) {
  Reader reader(payload);
  const auto features = reader.bytes("features", kFeaturesBytesMax);
  CAUSEWAY_TRY(reader.finish());
  return std::vector<std::byte>(features.begin(), features.end());
}

Packet encode_range(Header header, const BlockRange& range) {
  ByteWriter writer = start_packet(header);
  writer.put(uint32_t{range.region});
  writer.put(range.first);
  writer.put(range.count);
  return finish_packet(writer);
}

Result<BlockRange> decode_range(std::span<const std::byte> payload) {
  Reader reader(payload);
  const auto region = reader.number<uint32_t>("region id");
  BlockRange range;
  range.first = reader.number<uint64_t>("first block");
  range.count = reader.number<uint64_t>("block count");
  if (region >= kRegionsMax) reader.fail("region id", "is unknown");
  range.region = static_cast<RegionId>(region);
  CAUSEWAY_TRY(reader.finish());
  return range;
}

}  // namespace causeway::shim
