#include "rdma/bulk/staging_ring.h"

#include <cstdlib>
#include <cstring>

namespace causeway {

void StagingRing::Free::operator()(std::byte* memory) const {
  std::free(memory);
}

Result<StagingRing> StagingRing::open(RdmaEndpoint& endpoint, uint32_t bytes,
                                      int access) {
  CAUSEWAY_ASSERT(bytes >= kPutBytesMax && bytes <= kRdmaStagingBytes);
  StagingRing ring;
  ring.bytes_ = bytes;
  ring.memory_.reset(static_cast<std::byte*>(std::aligned_alloc(4096, bytes)));
  CAUSEWAY_ASSERT(ring.memory_ != nullptr);
  std::memset(ring.memory_.get(), 0, bytes);
  CAUSEWAY_ASSIGN(ring.region_, endpoint.register_memory(
                                    {ring.memory_.get(), bytes}, access));
  return ring;
}

std::optional<uint32_t> StagingRing::take(uint32_t bytes) {
  CAUSEWAY_ASSERT(bytes <= bytes_);
  uint64_t from = head_;
  const uint64_t to_end = bytes_ - from % bytes_;
  if (bytes > to_end) from += to_end;
  if (head_ == tail_) tail_ = from;
  if (from + bytes - tail_ > bytes_) return std::nullopt;
  head_ = from + bytes;
  return static_cast<uint32_t>(from % bytes_);
}

}  // namespace causeway
