#include <algorithm>
#include <array>
#include <cstring>

#include "engine/content/digest.h"
#include "engine/migration/limits.h"
#include "engine/migration/placement.h"

namespace causeway {

Result<std::span<std::byte>> Placement::begin(const PutHead& head) {
  CAUSEWAY_TRY(check(head));
  if (head.kind == PutKind::kZero) return std::span<std::byte>();
  if (head.kind == PutKind::kEncoded) {
    return arriving_.first(head.payload_bytes);
  }
  place_ =
      any_newer(head)
          ? std::span<std::byte>()
          : image_.store(head.region).in_place(head.first_block, head.blocks);
  if (place_.empty()) return arriving_.first(head.payload_bytes);
  return place_;
}

Status Placement::end(const PutHead& head) {
  if (head.kind == PutKind::kEncoded) return end_encoded(head);
  landed_blocks_ += head.blocks;
  return head.kind == PutKind::kZero ? end_zero(head) : end_raw(head);
}

// A device cannot compare versions: the path writes to a block only what is
// newer than all that landed there (rounds are fenced, a block has one worker).
Status Placement::written(const PutHead& head) {
  CAUSEWAY_TRY(check(head));
  if (head.kind != PutKind::kRaw || any_newer(head)) {
    return make_error(ErrorCode::kPeerBroken,
                      "blocks {}+{} of {} were written in version {} over "
                      "newer ones",
                      head.first_block, head.blocks,
                      image_.info(head.region).name, head.version);
  }
  landed_blocks_ += head.blocks;
  return note(head);
}

// Whether some block of the put landed before in a newer version.
bool Placement::any_newer(const PutHead& head) {
  const uint16_t* versions = versions_.of(head.region) + head.first_block;
  return std::any_of(versions, versions + head.blocks,
                     [&](uint16_t landed) { return landed > head.version; });
}

Status Placement::end_raw(const PutHead& head) {
  if (!place_.empty()) return note(head);
  return store_newer(head, arriving_);
}

Status Placement::end_encoded(const PutHead& head) {
  encoded_ = head;
  CAUSEWAY_ASSIGN(const auto blocks,
                  decoder_.decode({head.first_block, head.blocks},
                                  arriving_.first(head.payload_bytes), *this));
  for (const uint32_t of_method : blocks) landed_blocks_ += of_method;
  return {};
}

// The table has the digest of what was read back from there; no one else is
// writing to the block.
const std::byte* Placement::base(uint64_t block, uint64_t digest) {
  if (digest == kZeroDigest ||
      image_.digests(encoded_.region).at(block) != digest) {
    return nullptr;
  }
  const auto bytes = image_.store(encoded_.region).read(block, 1, read_back_);
  return bytes ? bytes->data() : nullptr;
}

void Placement::look_up(std::span<const ContentDigest> names) {
  next_name_ = 0;
  if (finder_ != nullptr) finder_->look_up(names);
}

const std::byte* Placement::content(uint64_t, const ContentDigest&) {
  return finder_ != nullptr ? finder_->read(next_name_++) : nullptr;
}

bool Placement::piece(const ContentPiece& piece, std::span<std::byte> out) {
  if (finder_ == nullptr) return false;
  const ContentCut cut = piece.kind == PieceKind::kSector
                             ? ContentCut::kSectors
                             : ContentCut::kByContent;
  std::optional<size_t> number;
  if (piece.is_indexed()) number = next_name_++;
  return finder_->read_piece(number, cut, piece.name, out);
}

// Another worker may be placing something newer there: what is used is private
// and has the digest.
const std::byte* Placement::copy(const BlockCopy& from) {
  if (from.digest == kZeroDigest || from.region >= image_.regions() ||
      from.block >= image_.info(from.region).blocks() ||
      image_.digests(from.region).at(from.block) != from.digest) {
    return nullptr;
  }
  const auto there = image_.store(from.region).read(from.block, 1, read_back_);
  if (!there) return nullptr;
  std::memcpy(copied_.data(), there->data(), copied_.size());
  const uint64_t digest = digest_any_block(copied_.data(), image_.digest_key());
  return digest == from.digest ? copied_.data() : nullptr;
}

Status Placement::zero(uint64_t first, uint32_t blocks) {
  return end_zero(
      {PutKind::kZero, encoded_.region, encoded_.version, first, blocks, 0});
}

Status Placement::place(uint64_t first, std::span<const std::byte> bytes) {
  const auto blocks = static_cast<uint32_t>(bytes.size() / kBlockBytes);
  return store_newer({PutKind::kRaw, encoded_.region, encoded_.version, first,
                      blocks, static_cast<uint32_t>(bytes.size())},
                     bytes);
}

// The source makes deltas only of what has landed (SentVersions), so that one
// whose base is not here is a fault: the migration ends, the guest stays there.
// What landed newer meanwhile is no fault: the delta is stale. A reference is
// a question where it was offered, and a copy may have overtaken what it is of:
// the session tells the source.
Status Placement::missing(uint64_t block, BlockMethod method) {
  if (versions_.of(encoded_.region)[block] > encoded_.version) return {};
  if (method == BlockMethod::kCopy ||
      ((method == BlockMethod::kReference || method == BlockMethod::kPieced) &&
       finder_ != nullptr)) {
    desk_.missing().add(encoded_.region, block);
    return {};
  }
  return make_error(ErrorCode::kContentMismatch,
                    "block {} of {} came as a {}, and what that needs is not "
                    "here",
                    block, image_.info(encoded_.region).name,
                    block_method_name(method));
}

// To where it belongs, without the blocks that are stale.
Status Placement::store_newer(const PutHead& head,
                              std::span<const std::byte> bytes) {
  const uint16_t* versions = versions_.of(head.region) + head.first_block;
  for (uint32_t at = 0; at < head.blocks;) {
    const bool fresh = versions[at] <= head.version;
    uint32_t stop = at + 1;
    while (stop < head.blocks && (versions[stop] <= head.version) == fresh) {
      ++stop;
    }
    if (fresh) {
      CAUSEWAY_TRY(image_.store(head.region)
                       .write(head.first_block + at,
                              bytes.subspan(at * kBlockBytes,
                                            (stop - at) * kBlockBytes)));
      PutHead part = head;
      part.first_block += at;
      part.blocks = stop - at;
      CAUSEWAY_TRY(note(part));
    }
    at = stop;
  }
  return {};
}

// The digests of what is now really there.
Status Placement::note(const PutHead& head) {
  CAUSEWAY_ASSIGN(const auto bytes,
                  image_.store(head.region)
                      .read(head.first_block, head.blocks, read_back_));
  std::array<uint64_t, kPutBlocksMax> digests;
  for (uint32_t i = 0; i < head.blocks; ++i) {
    digests[i] =
        digest_any_block(bytes.data() + i * kBlockBytes, image_.digest_key());
  }
  image_.digests(head.region)
      .set(head.first_block, std::span(digests).first(head.blocks));
  std::fill_n(versions_.of(head.region) + head.first_block, head.blocks,
              static_cast<uint16_t>(head.version));
  return {};
}

// Only what is not zero is cleared, so that holes stay holes.
Status Placement::end_zero(const PutHead& head) {
  uint16_t* versions = versions_.of(head.region);
  DigestTable& digests = image_.digests(head.region);
  const auto version = static_cast<uint16_t>(head.version);
  const uint64_t end = head.range().end();
  for (uint64_t at = head.first_block; at < end;) {
    const bool fresh = versions[at] <= version;
    const bool dirty = fresh && digests.at(at) != kZeroDigest;
    uint64_t stop = at + 1;
    while (stop < end && (versions[stop] <= version) == fresh &&
           (fresh && digests.at(stop) != kZeroDigest) == dirty) {
      ++stop;
    }
    if (dirty) {
      CAUSEWAY_TRY(image_.store(head.region).clear(at, stop - at));
      digests.set_zero(at, stop - at);
    }
    if (fresh) std::fill(versions + at, versions + stop, version);
    at = stop;
  }
  return {};
}

}  // namespace causeway
