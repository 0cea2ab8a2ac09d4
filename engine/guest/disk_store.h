// DiskStore: a disk region, a raw file or block device.
#pragma once

#include "engine/base/unique_fd.h"
#include "engine/guest/block_store.h"

namespace causeway {

class DiskStore final : public BlockStore {
 public:
  // Takes its own duplicate of `fd`. Refuses a file shorter than the region.
  static Result<std::unique_ptr<DiskStore>> open(const RegionInfo& info,
                                                 int fd);

  const RegionInfo& info() const override { return info_; }
  // An Error names the disk and the byte offset that could not be read.
  Result<std::span<const std::byte>> read(
      uint64_t first, uint64_t count, std::span<std::byte> scratch) override;
  Result<BitRun> next_data(uint64_t from, uint64_t end) override;
  std::span<std::byte> in_place(uint64_t, uint64_t) override { return {}; }
  std::span<std::byte> mapped() override { return {}; }
  Status write(uint64_t first, std::span<const std::byte> bytes) override;
  Status clear(uint64_t first, uint64_t count) override;
  Status sync() override;

 private:
  DiskStore(const RegionInfo& info, UniqueFd fd)
      : info_(info), fd_(std::move(fd)) {}

  RegionInfo info_;
  UniqueFd fd_;
};

}  // namespace causeway
