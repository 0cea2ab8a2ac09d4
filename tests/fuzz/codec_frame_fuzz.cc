// Encoded frames. A checksum guards them, so every input is also tried with a
// right one; and every input is also content, which must come back.
#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "engine/base/assert.h"
#include "engine/codec/frame_decoder.h"
#include "engine/codec/frame_encoder.h"

namespace {

using namespace causeway;  // NOLINT

using Bytes = std::vector<std::byte>;

constexpr uint64_t kFirst = 1000;

// Sees that each block within the span comes once, in order.
class Watcher final : public FrameTarget {
 public:
  explicit Watcher(uint64_t span_blocks) : end_(kFirst + span_blocks) {}

  const std::byte* base(uint64_t, uint64_t digest) override {
    return digest % 2 == 0 ? nullptr : block_.data();
  }
  void look_up(std::span<const ContentDigest> references) override {
    announced_ = references;
  }
  const std::byte* content(uint64_t, const ContentDigest& digest) override {
    CAUSEWAY_ASSERT(!announced_.empty() && announced_.front() == digest);
    announced_ = announced_.subspan(1);
    return digest[0] == std::byte{0} ? nullptr : block_.data();
  }
  bool piece(const ContentPiece& piece, std::span<std::byte> out) override {
    CAUSEWAY_ASSERT(out.size() == piece.bytes);
    if (piece.is_indexed()) {
      CAUSEWAY_ASSERT(!announced_.empty() && announced_.front() == piece.name);
      announced_ = announced_.subspan(1);
    }
    std::fill(out.begin(), out.end(), piece.name[0]);
    return piece.name[0] != std::byte{0};
  }
  const std::byte* copy(const BlockCopy& from) override {
    return from.digest % 2 == 0 ? nullptr : block_.data();
  }
  Status zero(uint64_t first, uint32_t blocks) override {
    pass(first, blocks);
    image.resize(image.size() + blocks * kBlockBytes);
    return {};
  }
  Status place(uint64_t first, std::span<const std::byte> bytes) override {
    CAUSEWAY_ASSERT(!bytes.empty() && bytes.size() % kBlockBytes == 0);
    pass(first, bytes.size() / kBlockBytes);
    image.insert(image.end(), bytes.begin(), bytes.end());
    return {};
  }
  Status missing(uint64_t block, BlockMethod) override {
    pass(block, 1);
    return {};
  }
  void check_end(uint32_t blocks) const {
    CAUSEWAY_ASSERT(next_ == end_ && blocks_ == blocks);
  }

  Bytes image;  // placed and zero blocks, one after the other

 private:
  void pass(uint64_t first, uint64_t blocks) {
    CAUSEWAY_ASSERT(blocks > 0 && first >= next_ && first + blocks <= end_);
    next_ = first + blocks;
    blocks_ += blocks;
  }

  std::span<const ContentDigest> announced_;
  Bytes block_ = Bytes(kBlockBytes, std::byte{0x21});
  uint64_t end_;
  uint64_t next_ = kFirst;
  uint64_t blocks_ = 0;
};

void decode(FrameDecoder& decoder, const Bytes& frame) {
  const auto parts = parse_frame(frame);
  const uint64_t span_blocks = parts ? parts->span_blocks : 1;
  Watcher watcher(span_blocks);
  const auto blocks = decoder.decode({kFirst, span_blocks}, frame, watcher);
  if (!blocks) {
    CAUSEWAY_ASSERT(blocks.error().code == ErrorCode::kPeerBroken);
    CAUSEWAY_ASSERT(watcher.image.empty());
    return;
  }
  uint32_t all = 0;
  for (const uint32_t of_method : *blocks) all += of_method;
  watcher.check_end(all);
}

void decode_with_right_check(FrameDecoder& decoder, Bytes frame) {
  if (frame.size() < kCodecHeadBytes) return;
  uint32_t head = 0;
  std::memcpy(&head, frame.data(), sizeof head);
  const auto check = static_cast<uint32_t>(XXH3_64bits_withSeed(
      frame.data() + kCodecHeadBytes, frame.size() - kCodecHeadBytes, head));
  std::memcpy(frame.data() + 4, &check, sizeof check);
  decode(decoder, frame);
}

void encode_and_back(FrameEncoder& encoder, FrameDecoder& decoder,
                     const Bytes& input) {
  Bytes blocks = input;
  blocks.resize((input.size() / kBlockBytes + 1) * kBlockBytes);
  const uint32_t taken = encoder.take(kFirst, blocks);
  Bytes frame(kFrameBytesMax);
  FrameOrder order;
  order.level = static_cast<int>(input.size() % 5) - 1;
  const auto bytes = encoder.encode(order, frame);
  if (!bytes) return;
  frame.resize(*bytes);
  Watcher watcher(taken);
  CAUSEWAY_ASSERT(decoder.decode(encoder.span(), frame, watcher).has_value());
  blocks.resize(taken * kBlockBytes);
  CAUSEWAY_ASSERT(watcher.image == blocks);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static FrameEncoder encoder;
  static FrameDecoder decoder;
  const auto* bytes = reinterpret_cast<const std::byte*>(data);
  const Bytes input(bytes, bytes + size);
  decode(decoder, input);
  decode_with_right_check(decoder, input);
  encode_and_back(encoder, decoder, input);
  return 0;
}
