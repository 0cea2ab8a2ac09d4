#include "rdma/bulk/rdma_poster.h"

#include <algorithm>

namespace causeway {

RdmaPoster::RdmaPoster(RdmaConnection connection, StagingRing ring,
                       const RdmaPosterOptions& options, RdmaTally& tally)
    : endpoint_(std::move(connection.endpoint)),
      welcome_(connection.welcome),
      messages_max_(std::min(endpoint_->depths().messages, welcome_.messages)),
      writes_max_(std::min<uint32_t>(kRdmaMessageWritesMax,
                                     endpoint_->depths().requests / 2 - 1)),
      scratch_(options.scratch),
      staging_(std::move(ring)),
      extents_(*endpoint_, options.stores,
               std::max(kRdmaPinnedBytesMin, std::min(options.pinned_bytes_max,
                                                      welcome_.pinned_bytes))),
      items_(kRdmaPutsMax),
      sent_(messages_max_),
      tally_(tally) {
  CAUSEWAY_ASSERT(staging_.bytes() == welcome_.staging_bytes);
  if (scratch_.empty()) return;
  auto key = endpoint_->register_memory(scratch_, 0);
  if (key) {
    scratch_key_ = std::move(key).value();
  } else {
    scratch_ = {};  // what lies there is copied
  }
}

// Registers ahead of what is sent: the first WRITE does not wait for the second
// extent's keys.
Status RdmaPoster::ask_ahead() {
  for (; asked_ < head_; ++asked_) {
    const Item& waiting = item(asked_);
    if (waiting.fence != 0 || !is_in_place(waiting.put)) continue;
    CAUSEWAY_ASSIGN(const bool asked, ask_for(waiting.put));
    if (!asked) return {};
  }
  return {};
}

// False: no room for all of it; nothing waits for any of it.
Result<bool> RdmaPoster::ask_for(const Put& put) {
  const BlockRange range = put.head.range();
  for (uint64_t at = range.first; at < range.end();) {
    Extent* extent = extents_.find(range.region, at);
    if (extent == nullptr) {
      CAUSEWAY_ASSIGN(extent, extents_.add(range.region, at, taken_));
      tally_.extents += extent != nullptr ? 1 : 0;
    }
    if (extent == nullptr) {
      for (uint64_t back = range.first; back < at;) {
        Extent* had = extents_.find(range.region, back);
        --had->waiting;
        back = had->range.end();
      }
      return false;
    }
    ++extent->waiting;
    at = extent->range.end();
  }
  note_pinned();
  return true;
}

void RdmaPoster::note_pinned() {
  if (extents_.pinned_bytes() <= pinned_bytes_most_) return;
  tally_.pinned_bytes_most += extents_.pinned_bytes() - pinned_bytes_most_;
  pinned_bytes_most_ = extents_.pinned_bytes();
}

Status RdmaPoster::leave(uint64_t taken) {
  endpoint_->disconnect();
  if (taken < taken_ || taken > last_message_) {
    return make_error(ErrorCode::kPeerBroken,
                      "{} has taken {} messages, it says; {} were sent and {} "
                      "answered",
                      peer(), taken, last_message_, taken_);
  }
  note_taken(taken);
  return {};
}

const RdmaPoster::Item* RdmaPoster::unlanded() const {
  return tail_ == head_ ? nullptr : &items_[tail_ % kRdmaPutsMax];
}

void RdmaPoster::pop_unlanded() {
  CAUSEWAY_ASSERT(tail_ < head_);
  ++tail_;
}

}  // namespace causeway
