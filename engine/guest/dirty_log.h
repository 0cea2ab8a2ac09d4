// DirtyLog: which blocks were written, over all regions of a guest.
//
// The truth about what the target still lacks is the *owed* bitmap: shared
// memory that the VMM owns, so a mover that dies loses nothing. collect() ORs
// into it, ack() takes out of it. Contract, the same for all trackers
// (tests/contract/dirty_log_contract.h):
//
//  * a write is reported by some later collect, whoever did it (vCPU, the
//    VMM's devices, disk I/O), never by none;
//  * after Guest::pause() the next collect is complete;
//  * rearm(range) comes before the range is read: a write after rearm() is
//    reported again, however often the block was reported before.
#pragma once

#include <cstdint>

#include "engine/base/bitmap.h"
#include "engine/base/result.h"
#include "engine/guest/region.h"

namespace causeway {

class DirtyLog {
 public:
  virtual ~DirtyLog() = default;

  // Starts tracking; every block of every region is owed from now on (holes
  // are the reader's business: BlockStore::next_data). The version becomes 1.
  virtual Status start() = 0;

  // Takes what was written since the last collect into the owed bitmaps.
  // Returns the new version (the last one + 1).
  virtual Result<Version> collect() = 0;

  virtual Status rearm(BlockRange range) = 0;

  // `range`, read at `version`, has landed: no more owed. Ignored when a
  // collect came since (its blocks may be newer): that costs bytes, never
  // correctness. No system call.
  virtual void ack(BlockRange range, Version version) = 0;

  virtual Status stop() = 0;

  // Bit i = block i of the region. Valid from start() for the log's life; the
  // VMM only writes it in collect().
  virtual BitmapView owed(RegionId region) = 0;
};

}  // namespace causeway
