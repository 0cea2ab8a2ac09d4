// OwedMemory: the owed bitmaps of all regions and the version, in one memfd
// that the VMM makes and that VMM and mover both map.
//
//   0      8         12       64
//   +------+---------+--------+--------------+--------------+---
//   | CWOW | version | unused | region 0     | region 1     | ...
//   +------+---------+--------+--------------+--------------+---
//     u64    u32                bit i = block i; each region begins at a
//                               multiple of 64 bytes
//
// The memfd is sealed against shrinking, so that neither side can be killed
// by an access behind its end.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/base/bitmap.h"
#include "engine/base/result.h"
#include "engine/base/unique_fd.h"
#include "engine/guest/region.h"

namespace causeway::shim {

class OwedMemory {
 public:
  // The VMM's side: a new memfd with nothing owed and version 0.
  static Result<OwedMemory> create(std::span<const RegionInfo> regions);
  // The mover's side: checks size, seal and head of a memfd from the VMM.
  static Result<OwedMemory> attach(UniqueFd fd,
                                   std::span<const RegionInfo> regions);

  OwedMemory(OwedMemory&& other) noexcept;
  OwedMemory& operator=(OwedMemory&&) = delete;
  ~OwedMemory();

  int fd() const { return fd_.get(); }
  size_t region_count() const { return bitmaps_.size(); }
  BitmapView bitmap(RegionId region) const;

  // The number of the latest collect.
  Version version() const;
  void set_version(Version version) const;

 private:
  OwedMemory(UniqueFd fd, std::byte* memory,
             std::span<const RegionInfo> regions);
  static Result<OwedMemory> map(UniqueFd fd,
                                std::span<const RegionInfo> regions);
  static uint64_t bytes_for(std::span<const RegionInfo> regions);

  UniqueFd fd_;
  std::byte* memory_ = nullptr;
  uint64_t bytes_ = 0;
  std::vector<BitmapView> bitmaps_;
};

}  // namespace causeway::shim
