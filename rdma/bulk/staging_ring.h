// StagingRing: memory that a device reaches, at most kRdmaStagingBytes. The
// source hands it out in order and takes it back in order; its place in the
// target's ring is the same as in its own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "engine/base/result.h"
#include "rdma/verbs/endpoint.h"

namespace causeway {

class StagingRing {
 public:
  // `access`: IBV_ACCESS_*.
  static Result<StagingRing> open(RdmaEndpoint& endpoint, uint32_t bytes,
                                  int access);

  StagingRing() = default;

  uint32_t bytes() const { return bytes_; }
  uint64_t address() const { return reinterpret_cast<uint64_t>(memory_.get()); }
  uint32_t local_key() const { return region_->lkey; }
  uint32_t remote_key() const { return region_->rkey; }
  std::span<std::byte> at(uint32_t offset, uint32_t bytes) {
    return {memory_.get() + offset, bytes};
  }

  // Where `bytes` in one piece are free, from now on taken; nothing: nowhere.
  std::optional<uint32_t> take(uint32_t bytes);
  // Everything that was handed out so far; free_until() gives back up to there.
  uint64_t taken_until() const { return head_; }
  void free_until(uint64_t until) { tail_ = until; }

 private:
  struct Free {
    void operator()(std::byte* memory) const;
  };
  std::unique_ptr<std::byte[], Free> memory_;
  MemoryRegion region_;
  uint32_t bytes_ = 0;
  uint64_t head_ = 0;  // bytes handed out, those passed over at the end too
  uint64_t tail_ = 0;
};

}  // namespace causeway
