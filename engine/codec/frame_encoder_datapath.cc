#include <algorithm>
#include <cstring>

#include "engine/base/assert.h"
#include "engine/base/little_endian.h"
#include "engine/codec/delta.h"
#include "engine/codec/entropy.h"
#include "engine/codec/frame_encoder.h"
#include "engine/codec/zero.h"

namespace causeway {

uint32_t FrameEncoder::take(uint64_t first, std::span<const std::byte> live) {
  CAUSEWAY_ASSERT(live.size() % kBlockBytes == 0);
  if (encoded_) {
    encoded_ = false;
    count_ = 0;
  }
  if (count_ > 0) {
    const uint64_t next = numbers_[count_ - 1] + 1;
    CAUSEWAY_ASSERT(first >= next);
    if (first - next > kFrameGapMax) return 0;
  }
  const auto taken = static_cast<uint32_t>(
      std::min<uint64_t>(live.size() / kBlockBytes, kFrameBlocksMax - count_));
  std::memcpy(copies_.get() + count_ * kBlockBytes, live.data(),
              taken * kBlockBytes);
  for (uint32_t i = 0; i < taken; ++i) numbers_[count_ + i] = first + i;
  count_ += taken;
  return taken;
}

BitRun FrameEncoder::span() const {
  CAUSEWAY_ASSERT(count_ > 0);
  return {numbers_[0], numbers_[count_ - 1] - numbers_[0] + 1};
}

std::optional<size_t> FrameEncoder::encode(const FrameOrder& order,
                                           std::span<std::byte> out) {
  CAUSEWAY_ASSERT(count_ > 0 && out.size() >= kFrameBytesMax);
  encoded_ = true;
  reference_count_ = base_count_ = block_copy_count_ = material_bytes_ = 0;
  piece_count_ = 0;
  for (uint32_t i = 0; i < count_; ++i) methods_[i] = classify(order, i);
  note_sent(order);
  make_runs();
  if (order.pieces != nullptr) cut_pieces(*order.pieces);

  const size_t raw_bytes = count_ * kBlockBytes;
  size_t stream_bytes = 0;
  if (material_bytes_ > 0) {
    // One byte less than raw is a gain; what cannot have it is not written.
    const size_t parts = parts_bytes();
    if (parts < raw_bytes) {
      stream_bytes =
          deflater_
              .deflate(order.level, {material_.get(), material_bytes_},
                       out.subspan(parts, raw_bytes - 1 - parts))
              .value_or(0);
    }
    if (stream_bytes == 0) give_up_stream();
  }
  tally_ = {};
  tally_.material_bytes = static_cast<uint32_t>(material_bytes_);
  tally_.stream_bytes = static_cast<uint32_t>(stream_bytes);
  const size_t parts = parts_bytes();
  const size_t frame_bytes = parts + stream_bytes;
  if (frame_bytes >= raw_bytes) {
    tally_.blocks[static_cast<size_t>(BlockMethod::kRaw)] = count_;
    return std::nullopt;
  }
  for (uint32_t i = 0; i < count_; ++i) {
    ++tally_.blocks[static_cast<size_t>(methods_[i])];
  }
  write_parts(out.data());
  seal_frame(out.first(frame_bytes), run_count_, count_,
             stream_bytes > 0 ? FrameStage::kDeflate : FrameStage::kNone);
  return frame_bytes;
}

// Also gathers what the method needs: reference, base, material.
BlockMethod FrameEncoder::classify(const FrameOrder& order, uint32_t index) {
  const std::byte* bytes = copy_of(index);
  if (is_zero_block(bytes)) return BlockMethod::kZero;
  if (order.pieces != nullptr) return BlockMethod::kPieced;
  if (order.known != nullptr &&
      order.known->known(order.region, numbers_[index], bytes,
                         references_[reference_count_])) {
    ++reference_count_;
    return BlockMethod::kReference;
  }
  if (order.earlier != nullptr &&
      order.earlier->find(order.region, numbers_[index], bytes,
                          order.digests[index],
                          block_copies_[block_copy_count_])) {
    ++block_copy_count_;
    return BlockMethod::kCopy;
  }
  if (order.level == kNoDeflate) return BlockMethod::kRaw;
  const bool random = looks_random(bytes);
  if (order.sent != nullptr && add_delta(order, index, random)) {
    return BlockMethod::kDelta;
  }
  if (random) return BlockMethod::kRaw;
  add_material(bytes, kBlockBytes);
  return BlockMethod::kDeflated;
}

bool FrameEncoder::add_delta(const FrameOrder& order, uint32_t index,
                             bool random) {
  const uint64_t before = order.digests_before[index];
  if (!order.sent->find(
          order.region, numbers_[index], before,
          std::span<std::byte, kBlockBytes>(base_.get(), kBlockBytes))) {
    return false;
  }
  const size_t bytes =
      encode_delta(copy_of(index), base_.get(),
                   random ? kDeltaRandomWordsMax : kDeltaTextWordsMax,
                   material_.get() + material_bytes_);
  if (bytes == 0) return false;
  material_bytes_ += bytes;
  bases_[base_count_++] = before;
  return true;
}

void FrameEncoder::add_material(const std::byte* bytes, size_t count) {
  std::memcpy(material_.get() + material_bytes_, bytes, count);
  material_bytes_ += count;
}

// The stream would be no smaller than its blocks: they go raw.
void FrameEncoder::give_up_stream() {
  for (BlockMethod& method : std::span(methods_).first(count_)) {
    if (method == BlockMethod::kDeflated || method == BlockMethod::kDelta) {
      method = BlockMethod::kRaw;
    }
  }
  base_count_ = 0;
  make_runs();
}

void FrameEncoder::make_runs() {
  run_count_ = 0;
  for (uint32_t i = 0; i < count_; ++i) {
    const uint64_t gap = i == 0 ? 0 : numbers_[i] - numbers_[i - 1] - 1;
    if (i > 0 && gap == 0 && runs_[run_count_ - 1].method == methods_[i]) {
      ++runs_[run_count_ - 1].blocks;
    } else {
      runs_[run_count_++] = {methods_[i], 1, static_cast<uint32_t>(gap)};
    }
  }
}

// A run's blocks stand one after another in the guest and in the copies.
void FrameEncoder::cut_pieces(ContentPieces& pieces) {
  const auto all = std::span(pieces_.get(), kFramePiecesMax);
  uint32_t index = 0;
  for (const FrameRun& run : std::span(runs_).first(run_count_)) {
    if (run.method == BlockMethod::kPieced) {
      piece_count_ += pieces.cut({copy_of(index), run.blocks * kBlockBytes},
                                 all.subspan(piece_count_));
    }
    index += run.blocks;
  }
}

// All of the frame but the stream.
size_t FrameEncoder::parts_bytes() const {
  const auto raw = static_cast<size_t>(std::count(
      methods_.begin(), methods_.begin() + count_, BlockMethod::kRaw));
  size_t pieces = 0;
  for (size_t i = 0; i < piece_count_; ++i) pieces += wire_bytes(pieces_[i]);
  return kCodecHeadBytes + run_count_ * kCodecRunBytes +
         reference_count_ * kContentDigestBytes +
         base_count_ * kDeltaBaseBytes + block_copy_count_ * kBlockCopyBytes +
         pieces + raw * kBlockBytes;
}

void FrameEncoder::write_parts(std::byte* at) const {
  at += kCodecHeadBytes;
  for (size_t i = 0; i < run_count_; ++i, at += kCodecRunBytes) {
    store_run(runs_[i], at);
  }
  for (size_t i = 0; i < reference_count_; ++i, at += kContentDigestBytes) {
    std::memcpy(at, references_[i].data(), kContentDigestBytes);
  }
  for (size_t i = 0; i < base_count_; ++i, at += kDeltaBaseBytes) {
    store_le<uint64_t>(at, bases_[i]);
  }
  for (size_t i = 0; i < block_copy_count_; ++i, at += kBlockCopyBytes) {
    const BlockCopy& from = block_copies_[i];
    store_le<uint64_t>(at, pack_place(from.region, from.block));
    store_le<uint64_t>(at + 8, from.digest);
  }
  for (size_t i = 0; i < piece_count_; ++i) {
    store_piece(pieces_[i], at);
    at += wire_bytes(pieces_[i]);
  }
  for (uint32_t i = 0; i < count_; ++i) {
    if (methods_[i] != BlockMethod::kRaw) continue;
    std::memcpy(at, copy_of(i), kBlockBytes);
    at += kBlockBytes;
  }
}

// Zero blocks have no use as a base: what is written to one is new. Nor has
// what the target may not have found.
void FrameEncoder::note_sent(const FrameOrder& order) {
  if (order.sent == nullptr && order.earlier == nullptr) return;
  CAUSEWAY_ASSERT(order.digests.size() == count_ &&
                  order.digests_before.size() == count_);
  for (uint32_t i = 0; i < count_; ++i) {
    if (methods_[i] == BlockMethod::kZero ||
        methods_[i] == BlockMethod::kReference ||
        methods_[i] == BlockMethod::kPieced ||
        methods_[i] == BlockMethod::kCopy) {
      continue;
    }
    if (order.sent != nullptr) {
      order.sent->note(order.region, numbers_[i], order.version,
                       order.digests[i], copy_of(i));
    }
    if (order.earlier != nullptr) {
      order.earlier->note(order.region, numbers_[i], order.digests[i]);
    }
  }
}

}  // namespace causeway
