#include "engine/codec/deflate.h"

#include <isa-l/igzip_lib.h>

#include <algorithm>

#include "engine/base/assert.h"

namespace causeway {
namespace {

// DEFAULT, not MIN: with less room igzip cuts the input into small pieces,
// each with its own codes, at a third of the speed.
constexpr uint32_t level_bytes(int level) {
  switch (level) {
    case 1:
      return ISAL_DEF_LVL1_DEFAULT;
    case 2:
      return ISAL_DEF_LVL2_DEFAULT;
    case 3:
      return ISAL_DEF_LVL3_DEFAULT;
    default:
      return ISAL_DEF_LVL0_DEFAULT;
  }
}

constexpr uint32_t kLevelBytesMax =
    std::max({level_bytes(1), level_bytes(2), level_bytes(3)});

uint8_t* mutable_bytes(std::span<const std::byte> bytes) {
  // igzip takes non-const pointers but only reads its input.
  return const_cast<uint8_t*>(reinterpret_cast<const uint8_t*>(bytes.data()));
}

const char* inflate_trouble(int code) {
  switch (code) {
    case ISAL_END_INPUT:
      return "ends too early";
    case ISAL_OUT_OVERFLOW:
      return "holds more than its blocks";
    case ISAL_INVALID_BLOCK:
      return "has an invalid block";
    case ISAL_INVALID_SYMBOL:
      return "has an invalid symbol";
    case ISAL_INVALID_LOOKBACK:
      return "reaches back before its beginning";
    default:
      return "is broken";
  }
}

}  // namespace

Deflater::Deflater()
    : stream_(std::make_unique<isal_zstream>()),
      level_buffer_(std::make_unique<uint8_t[]>(kLevelBytesMax)) {}
Deflater::~Deflater() = default;
Deflater::Deflater(Deflater&&) noexcept = default;

std::optional<size_t> Deflater::deflate(int level,
                                        std::span<const std::byte> in,
                                        std::span<std::byte> out) {
  CAUSEWAY_ASSERT(level >= 0 && level <= kDeflateLevelMax);
  CAUSEWAY_ASSERT(in.size() <= UINT32_MAX && out.size() <= UINT32_MAX);
  isal_deflate_stateless_init(stream_.get());
  stream_->level = static_cast<uint32_t>(level);
  stream_->level_buf = level_buffer_.get();
  stream_->level_buf_size = level_bytes(level);
  stream_->end_of_stream = 1;
  stream_->flush = NO_FLUSH;
  stream_->next_in = mutable_bytes(in);
  stream_->avail_in = static_cast<uint32_t>(in.size());
  stream_->next_out = reinterpret_cast<uint8_t*>(out.data());
  stream_->avail_out = static_cast<uint32_t>(out.size());
  const int code = isal_deflate_stateless(stream_.get());
  if (code != COMP_OK || stream_->avail_in != 0) return std::nullopt;
  return out.size() - stream_->avail_out;
}

Inflater::Inflater() : state_(std::make_unique<inflate_state>()) {}
Inflater::~Inflater() = default;
Inflater::Inflater(Inflater&&) noexcept = default;

Result<size_t> Inflater::inflate(std::span<const std::byte> in,
                                 std::span<std::byte> out) {
  CAUSEWAY_ASSERT(in.size() <= UINT32_MAX && out.size() <= UINT32_MAX);
  isal_inflate_init(state_.get());
  state_->next_in = mutable_bytes(in);
  state_->avail_in = static_cast<uint32_t>(in.size());
  state_->next_out = reinterpret_cast<uint8_t*>(out.data());
  state_->avail_out = static_cast<uint32_t>(out.size());
  const int code = isal_inflate_stateless(state_.get());
  if (code != ISAL_DECOMP_OK) {
    return make_error(ErrorCode::kPeerBroken,
                      "A deflate stream of {} bytes {}.", in.size(),
                      inflate_trouble(code));
  }
  if (state_->avail_in != 0) {
    return make_error(ErrorCode::kPeerBroken,
                      "A deflate stream ends {} bytes before its frame.",
                      state_->avail_in);
  }
  return out.size() - state_->avail_out;
}

}  // namespace causeway
