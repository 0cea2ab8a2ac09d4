// WriteProtectTracker ("process-wp"): which pages of a mapping were written by
// this process, by userfaultfd write protection that the kernel resolves by
// itself (WP_ASYNC) and the PAGEMAP_SCAN ioctl, which reports what was written
// and protects it again in one step: collect() re-arms.
//
// Writes through another mapping of the same memory are not seen.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "engine/base/bitmap.h"
#include "engine/base/result.h"
#include "engine/base/unique_fd.h"

namespace causeway::process {

class WriteProtectTracker {
 public:
  // `memory`: a whole shared mapping of a memfd; outlives the tracker.
  // kIncompatible: the kernel is older than 6.7, or withholds userfaultfd.
  static Result<WriteProtectTracker> create(std::span<std::byte> memory);

  WriteProtectTracker(WriteProtectTracker&&) = default;
  WriteProtectTracker& operator=(WriteProtectTracker&&) = delete;

  Status start();
  // ORs into `bitmap` (a bit for 4 KiB) what was written since the last one.
  Status collect(BitmapView bitmap);
  Status stop();

 private:
  WriteProtectTracker(std::span<std::byte> memory, UniqueFd faults,
                      UniqueFd pagemap, bool stays_mapped)
      : memory_(memory),
        faults_(std::move(faults)),
        pagemap_(std::move(pagemap)),
        stays_mapped_(stays_mapped) {}

  // Calls fn(first block, blocks) for what was written.
  template <typename Fn>
  Status scan(Fn fn);

  std::span<std::byte> memory_;
  UniqueFd faults_;  // userfaultfd
  UniqueFd pagemap_;
  bool stays_mapped_;  // no page of the mapping can be swapped out
};

}  // namespace causeway::process
