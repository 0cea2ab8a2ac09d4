#include <algorithm>
#include <cstring>

#include "engine/base/assert.h"
#include "engine/content/digest.h"
#include "engine/migration/frame_builder.h"

namespace causeway {

bool FrameBuilder::find_slot(uint64_t puts_released) {
  for (size_t slot = 0; !slot_ && slot < kSlots; ++slot) {
    if (busy_until_[slot] <= puts_released) slot_ = slot;
  }
  return slot_.has_value();
}

std::span<std::byte> FrameBuilder::scratch() {
  CAUSEWAY_ASSERT(slot_);
  return {slots_.get() + *slot_ * kFrameBytesMax, room() * kBlockBytes};
}

uint32_t FrameBuilder::take(const FrameKind& kind, uint64_t first,
                            std::span<const std::byte> live) {
  CAUSEWAY_ASSERT(slot_ && takes(kind));
  kind_ = kind;
  const uint32_t taken = encoder_.take(first, live);
  blocks_ += taken;
  return taken;
}

std::span<const Put> FrameBuilder::finish(uint64_t puts_before) {
  CAUSEWAY_ASSERT(open() && slot_);
  digest();
  const std::span<std::byte> slot(slots_.get() + *slot_ * kFrameBytesMax,
                                  kFrameBytesMax);
  std::span<const Put> puts;
  if (const auto bytes = encoder_.encode(order(), slot)) {
    const BitRun span = encoder_.span();
    puts_[0] = {
        {PutKind::kEncoded, kind_.region, kind_.version, span.first,
         static_cast<uint32_t>(span.count), static_cast<uint32_t>(*bytes)},
        slot.first(*bytes)};
    puts = std::span(puts_).first(1);
  } else {
    puts = raw_puts(slot);
  }
  busy_until_[*slot_] = puts_before + puts.size();
  slot_.reset();
  blocks_ = 0;
  return puts;
}

FrameOrder FrameBuilder::order() {
  FrameOrder order;
  order.region = kind_.region;
  order.version = kind_.version;
  if (kind_.ask != nullptr) {
    if (kind_.ask->cut == ContentCut::kBlocks) {
      order.known = &namer();
    } else {
      order.pieces = &piece_namer();
    }
    return order;
  }
  order.level = codec_.level();
  order.sent = &codec_.sent();
  if (kind_.may_miss) order.earlier = &earlier_;
  order.digests = std::span(digests_).first(blocks_);
  order.digests_before = std::span(digests_before_).first(blocks_);
  return order;
}

bool FrameBuilder::Namer::known(RegionId, uint64_t, const std::byte* bytes,
                                ContentDigest& digest) {
  digest = identity_.digest(bytes);
  return true;
}

// Of the copies, and with them of what the target will have. What it has now is
// what the table said until now.
void FrameBuilder::digest() {
  DigestTable& table = image_.digests(kind_.region);
  for (uint32_t i = 0; i < blocks_; ++i) {
    const uint64_t block = encoder_.block(i);
    digests_before_[i] = table.at(block);
    digests_[i] = digest_any_block(encoder_.copies().data() + i * kBlockBytes,
                                   image_.digest_key());
    table.set(block, std::span(digests_).subspan(i, 1));
  }
}

// The copies as they are, a put a run: they do not get smaller.
std::span<const Put> FrameBuilder::raw_puts(std::span<std::byte> slot) {
  std::memcpy(slot.data(), encoder_.copies().data(), blocks_ * kBlockBytes);
  size_t count = 0;
  for (uint32_t at = 0; at < blocks_;) {
    uint32_t stop = at + 1;
    while (stop < blocks_ &&
           encoder_.block(stop) == encoder_.block(stop - 1) + 1) {
      ++stop;
    }
    const uint32_t bytes = (stop - at) * kBlockBytes;
    puts_[count++] = {{PutKind::kRaw, kind_.region, kind_.version,
                       encoder_.block(at), stop - at, bytes},
                      slot.subspan(at * kBlockBytes, bytes)};
    at = stop;
  }
  return std::span(puts_).first(count);
}

}  // namespace causeway
