#include "engine/migration/placement.h"

#include <cstdlib>

#include "engine/base/limits.h"

namespace causeway {

static_assert(Placement::kScratchBytes == 2 * kPutBytesMax);

void VersionTable::Free::operator()(uint16_t* memory) const {
  std::free(memory);
}

VersionTable::VersionTable(const GuestImage& image) {
  for (size_t i = 0; i < image.regions(); ++i) {
    const uint64_t blocks = image.info(static_cast<RegionId>(i)).blocks();
    tables_.emplace_back(
        static_cast<uint16_t*>(std::calloc(blocks, sizeof(uint16_t))));
    CAUSEWAY_ASSERT(tables_.back() != nullptr);
  }
}

Placement::Placement(GuestImage& image, VersionTable& versions,
                     ReferenceDesk& desk, std::span<std::byte> scratch,
                     uint32_t worker)
    : image_(image),
      versions_(versions),
      desk_(desk),
      finder_(desk.finder(worker)),
      arriving_(scratch.first(kPutBytesMax)),
      read_back_(scratch.subspan(kPutBytesMax, kPutBytesMax)) {}

// A head from outside: every field against its limit, before use.
Status Placement::check(const PutHead& head) const {
  if (head.region >= image_.regions()) {
    return make_error(ErrorCode::kPeerBroken,
                      "a put names region {}, the guest has {}", head.region,
                      image_.regions());
  }
  const RegionInfo& info = image_.info(head.region);
  if (head.blocks == 0 || head.first_block >= info.blocks() ||
      head.blocks > info.blocks() - head.first_block) {
    return make_error(ErrorCode::kPeerBroken,
                      "a put names blocks {}+{} of {}, which has {}",
                      head.first_block, head.blocks, info.name, info.blocks());
  }
  if (head.version == 0 || head.version > VersionTable::kVersionMax) {
    return make_error(ErrorCode::kPeerBroken,
                      "a put has version {}, allowed are 1 to {}", head.version,
                      VersionTable::kVersionMax);
  }
  // The decoder says what it thinks of an encoded payload.
  const uint64_t payload = head.kind == PutKind::kEncoded ? head.payload_bytes
                           : head.kind == PutKind::kRaw
                               ? head.blocks * kBlockBytes
                               : 0;
  if (head.payload_bytes != payload || payload > kPutBytesMax) {
    return make_error(ErrorCode::kPeerBroken,
                      "a put of {} blocks of {} has {} bytes of payload",
                      head.blocks, info.name, head.payload_bytes);
  }
  return {};
}

}  // namespace causeway
