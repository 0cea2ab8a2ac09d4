#include "engine/content/index_record.h"

#include <algorithm>
#include <array>

#include "engine/base/assert.h"
#include "engine/base/bytes.h"
#include "engine/content/limits.h"

namespace causeway {
namespace {

constexpr uint8_t kRecordFormat = 1;
constexpr size_t kHeadBytes = 2;
constexpr size_t kRecordBytes = 32;
static_assert(kHeadBytes + kIndexRecordsMax * kRecordBytes <=
              kContentNoteBytesMax);
static_assert(sizeof(ContentDigest) == sizeof(uint64_t));

}  // namespace

Result<ContentDigest> domain_name(const ContentKey& key, ContentCut cut) {
  static_assert(kBlockBytes > kPieceBytesMin &&
                kPieceBytesMin > kContentAlignBytes);
  CAUSEWAY_ASSIGN(ContentIdentity identity, ContentIdentity::create(key));
  const std::array<std::byte, kBlockBytes> zeros{};
  const size_t bytes = cut == ContentCut::kBlocks    ? kBlockBytes
                       : cut == ContentCut::kSectors ? kContentAlignBytes
                                                     : kPieceBytesMin;
  return identity.digest(std::span(zeros).first(bytes));
}

std::vector<std::byte> encode_index_records(
    std::span<const IndexRecord> records) {
  CAUSEWAY_ASSERT(records.size() <= kIndexRecordsMax);
  ByteWriter writer;
  writer.put(kRecordFormat);
  writer.put(static_cast<uint8_t>(records.size()));
  for (const IndexRecord& record : records) {
    for (const std::byte byte : record.domain) {
      writer.put(static_cast<uint8_t>(byte));
    }
    writer.put(record.size_bytes);
    writer.put(static_cast<uint64_t>(record.mtime_ns));
    writer.put(record.done_bytes);
  }
  return writer.take();
}

Result<std::vector<IndexRecord>> decode_index_records(
    std::span<const std::byte> note) {
  std::vector<IndexRecord> records;
  if (note.empty()) return records;
  ByteReader reader(note);
  const auto format = reader.get<uint8_t>();
  const auto count = reader.get<uint8_t>();
  bool good = format == kRecordFormat && count <= kIndexRecordsMax;
  for (uint8_t i = 0; good && i < count; ++i) {
    IndexRecord& record = records.emplace_back();
    for (std::byte& byte : record.domain) {
      byte = static_cast<std::byte>(reader.get<uint8_t>());
    }
    record.size_bytes = reader.get<uint64_t>();
    record.mtime_ns = static_cast<int64_t>(reader.get<uint64_t>());
    record.done_bytes = reader.get<uint64_t>();
    good = reader.ok() && record.size_bytes <= kRegionBytesMax &&
           record.done_bytes <= record.size_bytes;
  }
  if (good && reader.finished()) return records;
  return make_error(ErrorCode::kIo,
                    "A note of {} bytes in the content index says nothing "
                    "about how far a file is indexed.",
                    note.size());
}

}  // namespace causeway
