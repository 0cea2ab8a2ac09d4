#include <cstring>

#include "engine/base/assert.h"
#include "engine/base/little_endian.h"
#include "rdma/wire/record.h"

namespace causeway {
namespace {

constexpr uint32_t kMessageMagic = 0x4d'52'57'43;  // "CWRM"
constexpr uint32_t kAnswerMagic = 0x41'52'57'43;   // "CWRA"
// A key's states.
constexpr uint16_t kRefused = 0;
constexpr uint16_t kRegistered = 1;
constexpr uint16_t kHole = 2;
constexpr uint64_t kBlocksMax = kRegionBytesMax / kBlockBytes;

// region u16, 0 u16, blocks u32, first u64.
void store_extent(std::byte* at, const BlockRange& extent) {
  store_le(at, extent.region);
  store_le(at + 4, static_cast<uint32_t>(extent.count));
  store_le(at + 8, extent.first);
}

Result<BlockRange> load_extent(const std::byte* at) {
  const BlockRange extent{load_le<RegionId>(at), load_le<uint64_t>(at + 8),
                          load_le<uint32_t>(at + 4)};
  if (extent.count == 0 || extent.count > kRdmaExtentBlocksMax ||
      extent.first > kBlocksMax - extent.count) {
    return make_error(ErrorCode::kPeerBroken,
                      "an RDMA record names the extent {}+{}", extent.first,
                      extent.count);
  }
  return extent;
}

bool is_extent(RecordKind kind) {
  return kind == RecordKind::kWant || kind == RecordKind::kDrop;
}

// A frame says with each kind what it may be.
bool fits(const RdmaRecord& record) {
  const Frame& frame = record.frame;
  switch (record.kind) {
    case RecordKind::kInPlace:
      return frame.fence == 0 && frame.put.kind == PutKind::kRaw;
    case RecordKind::kStaged:
      return frame.fence == 0 && frame.put.payload_bytes > 0 &&
             record.staging_offset <= kRdmaStagingBytes &&
             frame.put.payload_bytes <=
                 kRdmaStagingBytes - record.staging_offset;
    case RecordKind::kPlain:
      return frame.fence != 0 || frame.put.kind == PutKind::kZero;
    default:
      return false;
  }
}

}  // namespace

RdmaMessageWriter::RdmaMessageWriter(std::span<std::byte> buffer,
                                     uint64_t number)
    : buffer_(buffer) {
  CAUSEWAY_ASSERT(buffer.size() == kRdmaMessageBytes);
  std::memset(buffer.data(), 0, kRdmaMessageHeadBytes);
  store_le(buffer.data(), kMessageMagic);
  store_le(buffer.data() + 8, number);
}

void RdmaMessageWriter::add(const RdmaRecord& record) {
  CAUSEWAY_ASSERT(!full());
  std::byte* at =
      buffer_.data() + kRdmaMessageHeadBytes + records_ * kRdmaRecordBytes;
  std::memset(at, 0, kRdmaRecordBytes);
  store_le(at, static_cast<uint8_t>(record.kind));
  store_le(at + 4, record.staging_offset);
  if (is_extent(record.kind)) {
    store_extent(at + 8, record.extent);
  } else if (record.frame.fence != 0) {
    encode_fence(record.frame.fence, FrameHeadSpan(at + 8, kFrameHeadBytes));
  } else {
    encode_put(record.frame.put, FrameHeadSpan(at + 8, kFrameHeadBytes));
  }
  ++records_;
}

uint32_t RdmaMessageWriter::finish() {
  store_le(buffer_.data() + 4, static_cast<uint16_t>(records_));
  return static_cast<uint32_t>(kRdmaMessageHeadBytes +
                               records_ * kRdmaRecordBytes);
}

Result<RdmaMessageReader> RdmaMessageReader::open(
    std::span<const std::byte> message) {
  RdmaMessageReader reader;
  if (message.size() >= kRdmaMessageHeadBytes) {
    reader.left_ = load_le<uint16_t>(message.data() + 4);
    reader.number_ = load_le<uint64_t>(message.data() + 8);
  }
  if (message.size() < kRdmaMessageHeadBytes ||
      load_le<uint32_t>(message.data()) != kMessageMagic ||
      message.size() !=
          kRdmaMessageHeadBytes + reader.left_ * kRdmaRecordBytes) {
    return make_error(ErrorCode::kPeerBroken,
                      "an RDMA message of {} bytes is none of the source's",
                      message.size());
  }
  reader.rest_ = message.subspan(kRdmaMessageHeadBytes);
  return reader;
}

Result<RdmaRecord> RdmaMessageReader::next() {
  CAUSEWAY_ASSERT(left_ > 0);
  const std::byte* at = rest_.data();
  rest_ = rest_.subspan(kRdmaRecordBytes);
  --left_;
  RdmaRecord record;
  record.kind = static_cast<RecordKind>(load_le<uint8_t>(at));
  record.staging_offset = load_le<uint32_t>(at + 4);
  if (is_extent(record.kind)) {
    CAUSEWAY_ASSIGN(record.extent, load_extent(at + 8));
    return record;
  }
  CAUSEWAY_ASSIGN(record.frame,
                  decode_frame(FrameHeadView(at + 8, kFrameHeadBytes)));
  if (!fits(record)) {
    return make_error(ErrorCode::kPeerBroken,
                      "an RDMA record of kind {} has {} bytes at {} of the "
                      "ring",
                      static_cast<int>(record.kind),
                      record.frame.put.payload_bytes, record.staging_offset);
  }
  return record;
}

void RdmaAnswerWriter::add(const RdmaKey& key) {
  CAUSEWAY_ASSERT(keys_ < kRdmaKeysMax);
  std::byte* at = buffer_.data() + kRdmaAnswerHeadBytes + keys_ * kRdmaKeyBytes;
  std::memset(at, 0, kRdmaKeyBytes);
  store_extent(at, key.extent);
  store_le(at + 2, key.registered ? kRegistered : key.hole ? kHole : kRefused);
  store_le(at + 16, key.address);
  store_le(at + 24, key.key);
  ++keys_;
}

uint32_t RdmaAnswerWriter::finish(uint64_t taken) {
  std::memset(buffer_.data(), 0, kRdmaAnswerHeadBytes);
  store_le(buffer_.data(), kAnswerMagic);
  store_le(buffer_.data() + 4, static_cast<uint16_t>(keys_));
  store_le(buffer_.data() + 8, taken);
  const auto bytes =
      static_cast<uint32_t>(kRdmaAnswerHeadBytes + keys_ * kRdmaKeyBytes);
  keys_ = 0;
  return bytes;
}

Result<RdmaAnswerReader> RdmaAnswerReader::open(
    std::span<const std::byte> answer) {
  RdmaAnswerReader reader;
  if (answer.size() >= kRdmaAnswerHeadBytes) {
    reader.left_ = load_le<uint16_t>(answer.data() + 4);
    reader.taken_ = load_le<uint64_t>(answer.data() + 8);
  }
  if (answer.size() < kRdmaAnswerHeadBytes ||
      load_le<uint32_t>(answer.data()) != kAnswerMagic ||
      answer.size() != kRdmaAnswerHeadBytes + reader.left_ * kRdmaKeyBytes) {
    return make_error(ErrorCode::kPeerBroken,
                      "an RDMA message of {} bytes is none of the target's",
                      answer.size());
  }
  reader.rest_ = answer.subspan(kRdmaAnswerHeadBytes);
  return reader;
}

Result<RdmaKey> RdmaAnswerReader::next() {
  CAUSEWAY_ASSERT(left_ > 0);
  const std::byte* at = rest_.data();
  rest_ = rest_.subspan(kRdmaKeyBytes);
  --left_;
  RdmaKey key;
  CAUSEWAY_ASSIGN(key.extent, load_extent(at));
  const auto state = load_le<uint16_t>(at + 2);
  key.registered = state == kRegistered;
  key.hole = state == kHole;
  key.address = load_le<uint64_t>(at + 16);
  key.key = load_le<uint32_t>(at + 24);
  return key;
}

}  // namespace causeway
