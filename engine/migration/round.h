// Round: one pass over what is owed: hands ranges to the senders as fast as
// they take them, re-arming the dirty log ahead of the reading, then fences.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "engine/guest/data_cursor.h"
#include "engine/guest/dirty_log.h"
#include "engine/migration/image.h"
#include "engine/migration/sender.h"

namespace causeway {

struct RoundPlan {
  FenceId fence = 0;
  Version version = 0;
  // rearm() before a range is handed out; nullptr: the guest stands still.
  DirtyLog* rearm = nullptr;
  // Take holes out of `owed` instead of sending them: the first pass.
  bool skip_holes = false;
  const Naming* ask = nullptr;   // as SendWork's
  bool may_miss = false;         // likewise
  std::vector<BitmapView> owed;  // a region each
};

class Round {
 public:
  // All outlive the round.
  Round(RoundPlan plan, GuestImage& image,
        std::span<const std::unique_ptr<Sender>> senders);

  // Hands out as much as the rings take. Never blocks on the network.
  Status step();

  // All is handed out, each sender has its fence.
  bool fed() const { return fences_given_ == senders_.size(); }
  bool landed() const;
  // Of all blocks of the guest, those passed over: owed, clean or hole.
  double share_handed_out() const;
  uint64_t blocks_handed_out() const { return blocks_handed_out_; }

 private:
  Status open_window();
  bool next_chunk();
  bool submit(const SendWork& work);

  RoundPlan plan_;
  GuestImage& image_;
  std::span<const std::unique_ptr<Sender>> senders_;
  std::vector<RegionId> order_;     // disks first: RAM stays hot
  size_t at_ = 0;                   // into order_
  std::optional<DataCursor> data_;  // of that region
  BitRun window_;                   // re-armed, [first, end) of the region
  uint64_t next_block_ = 0;         // within the window
  size_t next_sender_ = 0;
  size_t fences_given_ = 0;
  uint64_t blocks_handed_out_ = 0;
};

}  // namespace causeway
