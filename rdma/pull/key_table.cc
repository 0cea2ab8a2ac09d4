#include "rdma/pull/key_table.h"

#include <algorithm>

#include "engine/base/assert.h"

namespace causeway {
namespace {

bool same_window(const BlockRange& one, RegionId region, uint64_t block) {
  return one.region == region &&
         one.first / kRdmaExtentBlocksMax == block / kRdmaExtentBlocksMax;
}

}  // namespace

LentKey* KeyTable::find(RegionId region, uint64_t block) {
  auto after = keys_.upper_bound({region, block});
  if (after == keys_.begin()) return nullptr;
  LentKey& before = std::prev(after)->second;
  if (before.blocks.region != region || block >= before.blocks.end()) {
    return nullptr;
  }
  before.last_use = ++uses_;
  return &before;
}

void KeyTable::want(RegionId region, uint64_t block) {
  if (held_) return;
  for (const BlockRange& one : asked_) {
    if (same_window(one, region, block)) return;
  }
  const BlockRange wanted{region, block, 1};
  asked_.push_back(wanted);
  errands_.push_back({RecordKind::kWant, 0, {}, wanted});
}

Status KeyTable::check(const RdmaKey& key, const BlockRange& wanted) const {
  const BlockRange& blocks = key.extent;
  const bool has_it = blocks.region == wanted.region &&
                      blocks.first <= wanted.first &&
                      wanted.first < blocks.end();
  const bool fits = has_it &&
                    same_window(blocks, wanted.region, wanted.first) &&
                    same_window(blocks, wanted.region, blocks.end() - 1);
  const auto next = keys_.lower_bound({blocks.region, blocks.first});
  const bool beside_next = next == keys_.end() ||
                           next->second.blocks.region != blocks.region ||
                           blocks.end() <= next->second.blocks.first;
  const bool beside_last =
      next == keys_.begin() ||
      std::prev(next)->second.blocks.region != blocks.region ||
      std::prev(next)->second.blocks.end() <= blocks.first;
  if (fits && beside_next && beside_last) return {};
  return make_error(ErrorCode::kPeerBroken,
                    "a key came for blocks {}+{} of region {}; block {} of "
                    "region {} was asked for",
                    blocks.first, blocks.count, blocks.region, wanted.first,
                    wanted.region);
}

Result<KeyTable::Taken> KeyTable::take_key(const RdmaKey& key) {
  if (asked_.empty()) {
    return make_error(ErrorCode::kPeerBroken,
                      "a key came for blocks {}+{} of region {}, which nobody "
                      "has asked for",
                      key.extent.first, key.extent.count, key.extent.region);
  }
  CAUSEWAY_TRY(check(key, asked_.front()));
  asked_.pop_front();
  if (!key.registered && !key.hole) return refuse();
  if (keys_.size() == kRdmaExtentsMax) drop(oldest_idle(true));
  const LentKey lent{key.extent, key.hole, key.address, key.key, 0, ++uses_};
  keys_.emplace(Place{key.extent.region, key.extent.first}, lent);
  if (!key.hole) lent_bytes_ += key.extent.count * kBlockBytes;
  return Taken::kKnown;
}

// The source's limit is reached, most likely: the longest unused makes room for
// an extent.
KeyTable::Taken KeyTable::refuse() {
  uint64_t given_back = 0;
  while (given_back < kRdmaExtentBytesMax) {
    const auto oldest = oldest_idle(false);
    if (oldest == keys_.end()) break;
    given_back += oldest->second.blocks.count * kBlockBytes;
    drop(oldest);
  }
  // Refused before the source has heard of what was given back.
  const bool drops_wait = std::ranges::any_of(
      errands_,
      [](const RdmaRecord& one) { return one.kind == RecordKind::kDrop; });
  if (drops_wait) return Taken::kLater;
  held_ = reads_out_ > 0;
  return held_ ? Taken::kLater : Taken::kRefused;
}

KeyTable::Keys::iterator KeyTable::oldest_idle(bool holes_too) {
  auto oldest = keys_.end();
  for (auto it = keys_.begin(); it != keys_.end(); ++it) {
    const LentKey& one = it->second;
    if (one.reads_out > 0 || (one.hole && !holes_too)) continue;
    if (oldest == keys_.end() || one.last_use < oldest->second.last_use) {
      oldest = it;
    }
  }
  return oldest;
}

void KeyTable::drop(Keys::iterator which) {
  CAUSEWAY_ASSERT(which != keys_.end());
  const LentKey& lent = which->second;
  CAUSEWAY_ASSERT(lent.reads_out == 0);
  if (!lent.hole) {
    // Before the wants that wait to be said: they need the room.
    errands_.insert(errands_.begin(), {RecordKind::kDrop, 0, {}, lent.blocks});
    lent_bytes_ -= lent.blocks.count * kBlockBytes;
  }
  keys_.erase(which);
}

void KeyTable::read_begun(LentKey& lent) {
  CAUSEWAY_ASSERT(!lent.hole);
  ++lent.reads_out;
  ++reads_out_;
}

void KeyTable::read_done(LentKey& lent) {
  CAUSEWAY_ASSERT(lent.reads_out > 0 && reads_out_ > 0);
  --lent.reads_out;
  --reads_out_;
  held_ = false;
}

}  // namespace causeway
