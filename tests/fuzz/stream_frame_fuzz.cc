// What the tcp path decodes: frame heads, fence answers, hellos and welcomes.
// A checksum guards the heads, so every input is also tried with a right one.
#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "engine/base/assert.h"
#include "engine/base/limits.h"
#include "engine/path/stream/frame.h"
#include "engine/path/stream/hello.h"

namespace {

using namespace causeway;  // NOLINT

using Head = std::array<std::byte, kFrameHeadBytes>;

// What was believed is within the limits and encodes to the same bytes.
void check_frame(const Head& head) {
  const auto frame = decode_frame(head);
  if (!frame) return;
  Head again;
  if (frame->fence != 0) {
    encode_fence(frame->fence, again);
  } else {
    const PutHead& put = frame->put;
    const bool fence = put.kind == PutKind::kStripeFence;
    CAUSEWAY_ASSERT(fence == (put.blocks == 0));
    CAUSEWAY_ASSERT(!fence || put.sequence != 0);
    CAUSEWAY_ASSERT(put.payload_bytes <= kPutBytesMax);
    CAUSEWAY_ASSERT(fence ||
                    put.range().end() <= kRegionBytesMax / kBlockBytes);
    encode_put(put, again);
  }
  CAUSEWAY_ASSERT(again == head);
}

void with_right_check(Head head) {
  Head valid;
  encode_fence(1, valid);
  std::copy_n(valid.begin(), 4, head.begin());  // the magic
  const auto check = static_cast<uint32_t>(XXH3_64bits(head.data(), 36));
  std::memcpy(head.data() + 36, &check, sizeof check);
  check_frame(head);
}

void check_hello(const Head& head) {
  std::array<std::byte, Hello::kBytes> bytes;
  std::copy_n(head.begin(), bytes.size(), bytes.begin());
  const auto hello = decode_hello(bytes);
  if (hello) CAUSEWAY_ASSERT(encode_hello(*hello) == bytes);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static_assert(Hello::kBytes <= kFrameHeadBytes);
  Head head{};
  std::memcpy(head.data(), data, std::min(size, head.size()));
  check_frame(head);
  with_right_check(head);
  check_hello(head);
  (void)decode_fence_ack(FenceAckView(head.data(), kFenceAckBytes)).has_value();
  (void)decode_welcome(std::span(head).first<Welcome::kBytes>()).has_value();
  return 0;
}
