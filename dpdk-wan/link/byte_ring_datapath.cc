#include <algorithm>
#include <cstring>

#include "dpdk-wan/link/byte_ring.h"
#include "engine/base/assert.h"

namespace causeway {

size_t ByteRing::write(std::span<const iovec> pieces) {
  uint64_t at = written_.load(std::memory_order_relaxed);
  size_t left = room();
  const size_t before = left;
  for (const iovec& piece : pieces) {
    const auto* bytes = static_cast<const std::byte*>(piece.iov_base);
    size_t count = std::min(piece.iov_len, left);
    left -= count;
    while (count > 0) {
      const size_t slot = at & mask_;
      const size_t run = std::min(count, capacity() - slot);
      std::memcpy(&bytes_[slot], bytes, run);
      bytes += run;
      at += run;
      count -= run;
    }
  }
  if (left != before) written_.store(at);
  return before - left;
}

void ByteRing::place(uint64_t position, std::span<const std::byte> bytes) {
  CAUSEWAY_ASSERT(position >= written_.load(std::memory_order_relaxed));
  CAUSEWAY_ASSERT(position + bytes.size() <= limit());
  const size_t slot = position & mask_;
  const size_t run = std::min(bytes.size(), capacity() - slot);
  std::copy_n(bytes.begin(), run, &bytes_[slot]);
  std::copy_n(bytes.begin() + run, bytes.size() - run, &bytes_[0]);
}

void ByteRing::fetch(uint64_t position, std::span<std::byte> into) const {
  CAUSEWAY_ASSERT(position + into.size() <= limit());
  const size_t slot = position & mask_;
  const size_t run = std::min(into.size(), capacity() - slot);
  std::copy_n(&bytes_[slot], run, into.begin());
  std::copy_n(&bytes_[0], into.size() - run, into.begin() + run);
}

void ByteRing::extend_to(uint64_t position) {
  CAUSEWAY_ASSERT(position >= written_.load(std::memory_order_relaxed));
  CAUSEWAY_ASSERT(position <= limit());
  written_.store(position);
}

std::array<iovec, 2> ByteRing::from(uint64_t position) const {
  const uint64_t end = written_.load();
  CAUSEWAY_ASSERT(position <= end && end - position <= capacity());
  const auto count = static_cast<size_t>(end - position);
  const size_t slot = position & mask_;
  const size_t run = std::min(count, capacity() - slot);
  return {iovec{&bytes_[slot], run}, iovec{&bytes_[0], count - run}};
}

void ByteRing::release_to(uint64_t position) {
  CAUSEWAY_ASSERT(position >= released_.load() && position <= written_.load());
  released_.store(position);
}

size_t ByteRing::read(std::span<const iovec> pieces) {
  const uint64_t begin = released_.load(std::memory_order_relaxed);
  uint64_t at = begin;
  const uint64_t end = written_.load();
  for (const iovec& piece : pieces) {
    auto* into = static_cast<std::byte*>(piece.iov_base);
    auto count = std::min(piece.iov_len, static_cast<size_t>(end - at));
    while (count > 0) {
      const size_t slot = at & mask_;
      const size_t run = std::min(count, capacity() - slot);
      std::memcpy(into, &bytes_[slot], run);
      into += run;
      at += run;
      count -= run;
    }
  }
  if (at != begin) released_.store(at);
  return static_cast<size_t>(at - begin);
}

}  // namespace causeway
