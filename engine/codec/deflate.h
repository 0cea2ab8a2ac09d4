// Deflater and Inflater: RFC 1951 by ISA-L's igzip, whole buffers at a time.
// They hold all the state that it needs: made at set-up, then no allocation.
// One owner, one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "engine/base/result.h"

struct isal_zstream;
struct inflate_state;

namespace causeway {

// Levels: 0 fixed codes; 1 codes made for the content; 3 longer searches
// besides. igzip's level 2 is its level 1 (measured).
inline constexpr int kNoDeflate = -1;
inline constexpr int kDeflateLevelMax = 3;

class Deflater {
 public:
  Deflater();
  ~Deflater();
  Deflater(Deflater&&) noexcept;

  // The bytes written to `out`; nothing when `in` does not fit there deflated.
  // `in` stands still meanwhile.
  std::optional<size_t> deflate(int level, std::span<const std::byte> in,
                                std::span<std::byte> out);

 private:
  std::unique_ptr<isal_zstream> stream_;
  std::unique_ptr<uint8_t[]> level_buffer_;  // of the level that needs most
};

class Inflater {
 public:
  Inflater();
  ~Inflater();
  Inflater(Inflater&&) noexcept;

  // The bytes written to `out`. kPeerBroken unless `in` is one whole deflate
  // stream, with nothing behind it, of at most out.size() bytes.
  Result<size_t> inflate(std::span<const std::byte> in,
                         std::span<std::byte> out);

 private:
  std::unique_ptr<inflate_state> state_;
};

}  // namespace causeway
