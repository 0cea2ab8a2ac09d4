// What the rdma path decodes: messages of records, answers with keys, the word
// of leaving, the offer, rdma_cm's private data. A checksum guards the heads in
// the records, so every message is also tried with right ones.
#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

#include "engine/base/assert.h"
#include "rdma/wire/offer.h"
#include "rdma/wire/record.h"
#include "rdma/wire/switch_over.h"

namespace {

using namespace causeway;  // NOLINT

constexpr uint64_t kBlocksMax = kRegionBytesMax / kBlockBytes;

void check_record(const RdmaRecord& record) {
  const PutHead& put = record.frame.put;
  switch (record.kind) {
    case RecordKind::kInPlace:
      CAUSEWAY_ASSERT(put.kind == PutKind::kRaw);
      CAUSEWAY_ASSERT(put.range().end() <= kBlocksMax);
      break;
    case RecordKind::kStaged:
      CAUSEWAY_ASSERT(put.payload_bytes > 0);
      CAUSEWAY_ASSERT(uint64_t{record.staging_offset} + put.payload_bytes <=
                      kRdmaStagingBytes);
      break;
    case RecordKind::kPlain:
      CAUSEWAY_ASSERT(record.frame.fence != 0 || put.kind == PutKind::kZero);
      break;
    case RecordKind::kWant:
    case RecordKind::kDrop:
      CAUSEWAY_ASSERT(record.extent.count > 0);
      CAUSEWAY_ASSERT(record.extent.count * kBlockBytes <= kRdmaExtentBytesMax);
      CAUSEWAY_ASSERT(record.extent.end() <= kBlocksMax);
      break;
  }
}

void check_message(std::span<const std::byte> bytes) {
  auto reader = RdmaMessageReader::open(bytes);
  if (!reader) return;
  while (reader->left() > 0) {
    const auto record = reader->next();
    if (!record) return;
    check_record(*record);
  }
}

void with_right_checks(std::vector<std::byte> bytes) {
  if (bytes.size() < kRdmaMessageHeadBytes) return;
  std::array<std::byte, kRdmaMessageBytes> whole;
  RdmaMessageWriter(whole, 1).finish();
  std::copy_n(whole.begin(), 4, bytes.begin());
  const size_t records =
      (bytes.size() - kRdmaMessageHeadBytes) / kRdmaRecordBytes;
  bytes.resize(kRdmaMessageHeadBytes + records * kRdmaRecordBytes);
  const auto count = static_cast<uint16_t>(records);
  std::memcpy(bytes.data() + 4, &count, sizeof count);
  std::array<std::byte, kFrameHeadBytes> valid;
  encode_fence(1, valid);
  for (size_t i = 0; i < records; ++i) {
    std::byte* head =
        bytes.data() + kRdmaMessageHeadBytes + i * kRdmaRecordBytes + 8;
    std::copy_n(valid.begin(), 4, head);
    const auto check = static_cast<uint32_t>(XXH3_64bits(head, 36));
    std::memcpy(head + 36, &check, sizeof check);
  }
  check_message(bytes);
}

void check_answer(std::span<const std::byte> bytes) {
  auto reader = RdmaAnswerReader::open(bytes);
  if (!reader) return;
  while (reader->left() > 0) {
    const auto key = reader->next();
    if (!key) return;
    CAUSEWAY_ASSERT(key->extent.end() <= kBlocksMax);
    CAUSEWAY_ASSERT(!(key->registered && key->hole));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::span bytes(reinterpret_cast<const std::byte*>(data),
                        std::min(size, kRdmaMessageBytes));
  check_message(bytes);
  with_right_checks({bytes.begin(), bytes.end()});
  check_answer(bytes);
  if (const auto welcome = decode_rdma_welcome(bytes)) {
    CAUSEWAY_ASSERT(welcome->staging_bytes <= kRdmaStagingBytes);
  }
  std::array<std::byte, RdmaOffer::kBytes> fixed{};
  std::copy_n(bytes.begin(), std::min(bytes.size(), fixed.size()),
              fixed.begin());
  if (const auto offer = decode_offer(fixed)) {
    CAUSEWAY_ASSERT(offer->addresses.size() <= kRdmaPortsMax);
    for (const std::string& address : offer->addresses) {
      CAUSEWAY_ASSERT(address.size() <= RdmaOffer::kAddressBytesMax);
    }
  }
  (void)decode_verdict(std::span(fixed).first<kRdmaVerdictBytes>()).has_value();
  const auto word = std::span(fixed).first<SwitchOver::kBytes>();
  if (const auto said = decode_switch_over(word)) {
    CAUSEWAY_ASSERT(std::ranges::equal(encode_switch_over(*said), word));
  }
  return 0;
}
