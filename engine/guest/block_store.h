// BlockStore: the blocks of one region as a mover reaches them. Two of them:
// RamStore (a mapped memfd, in place) and DiskStore (a raw file or block
// device, through the page cache that the VMM shares).
//
// Any thread; ranges that are used at once do not overlap. A range beyond the
// region is our bug (asserted): heads from outside are checked before.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "engine/base/bitmap.h"
#include "engine/base/result.h"
#include "engine/guest/region.h"

namespace causeway {

class BlockStore {
 public:
  virtual ~BlockStore() = default;

  virtual const RegionInfo& info() const = 0;

  // The bytes of [first, first + count): in place where that is possible,
  // else read into `scratch` (count blocks). Guest memory does not stand
  // still while the guest runs: a later collect corrects what changed.
  virtual Result<std::span<const std::byte>> read(
      uint64_t first, uint64_t count, std::span<std::byte> scratch) = 0;

  // The first run of blocks in [from, end) that is not a hole; count 0 when
  // there is none. Found with SEEK_DATA, never by reading: a read of a hole
  // would allocate it.
  virtual Result<BitRun> next_data(uint64_t from, uint64_t end) = 0;

  // Where bytes for [first, first + count) may be stored directly; empty if
  // write() is the only or the better way.
  virtual std::span<std::byte> in_place(uint64_t first, uint64_t count) = 0;

  // All of the region where it is mapped, for a device to read or write behind
  // the processor's back; empty: it is not mapped. Touching a hole allocates
  // it.
  virtual std::span<std::byte> mapped() = 0;

  virtual Status write(uint64_t first, std::span<const std::byte> bytes) = 0;

  // Makes the blocks zero.
  virtual Status clear(uint64_t first, uint64_t count) = 0;

  // What was written would survive a loss of power (disks; RAM: nothing).
  virtual Status sync() = 0;
};

}  // namespace causeway
