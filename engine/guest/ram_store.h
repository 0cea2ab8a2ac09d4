// RamStore: a RAM region, mapped from the VMM's memfd.
#pragma once

#include "engine/base/unique_fd.h"
#include "engine/guest/block_store.h"

namespace causeway {

class RamStore final : public BlockStore {
 public:
  // Takes its own duplicate of `fd` and maps it shared. Refuses a memfd that
  // is shorter than the region.
  static Result<std::unique_ptr<RamStore>> open(const RegionInfo& info, int fd);
  ~RamStore() override;
  RamStore(const RamStore&) = delete;
  RamStore& operator=(const RamStore&) = delete;

  const RegionInfo& info() const override { return info_; }
  Result<std::span<const std::byte>> read(uint64_t first, uint64_t count,
                                          std::span<std::byte>) override;
  Result<BitRun> next_data(uint64_t from, uint64_t end) override;
  std::span<std::byte> in_place(uint64_t first, uint64_t count) override;
  std::span<std::byte> mapped() override { return {base_, info_.bytes}; }
  Status write(uint64_t first, std::span<const std::byte> bytes) override;
  Status clear(uint64_t first, uint64_t count) override;
  Status sync() override { return {}; }

 private:
  RamStore(const RegionInfo& info, UniqueFd fd, std::byte* base)
      : info_(info), fd_(std::move(fd)), base_(base), present_(info.blocks()) {}
  std::byte* populate(uint64_t first, uint64_t count, int advice);

  RegionInfo info_;
  UniqueFd fd_;
  std::byte* base_;
  Bitmap present_;  // blocks that this mapping has faulted in
};

}  // namespace causeway
