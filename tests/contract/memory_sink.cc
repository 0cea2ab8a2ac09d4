#include "tests/contract/memory_sink.h"

#include <algorithm>

namespace causeway {

Result<std::span<std::byte>> MemorySink::begin(const PutHead& head) {
  if (head.first_block == refuse_block || head.region != 0 ||
      head.range().end() * kBlockBytes > memory.size()) {
    return make_error(ErrorCode::kPeerBroken, "The sink refuses block {}.",
                      head.first_block);
  }
  return std::span(memory).subspan(head.first_block * kBlockBytes,
                                   head.payload_bytes);
}

Status MemorySink::end(const PutHead& head) {
  if (head.kind == PutKind::kZero) {
    std::fill_n(memory.begin() + head.first_block * kBlockBytes,
                head.blocks * kBlockBytes, std::byte{0});
  }
  landed.push_back(head);
  return {};
}

// The memory may be another one: a device writes where it was told to.
Status MemorySink::written(const PutHead& head) {
  CAUSEWAY_TRY(begin(head));
  landed.push_back(head);
  return {};
}

}  // namespace causeway
