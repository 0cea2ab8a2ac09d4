// ByteRing: bytes from one thread to one other, without locks. Positions count
// up for good; what was written stays where it is until it is released, so
// that a consumer may lend it on (to QUIC, until the peer has it).
//
//   | free | lent on ....... | to be taken ....... | free |
//          ^ released        ^ the consumer's own  ^ written
#pragma once

#include <sys/uio.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

namespace causeway {

class ByteRing {
 public:
  // `capacity_bytes`: a power of two. Memory that is never written to is never
  // touched.
  explicit ByteRing(size_t capacity_bytes);

  size_t capacity() const { return mask_ + 1; }

  // Producer: as much of the pieces as fits.
  size_t write(std::span<const iovec> pieces);
  size_t room() const {
    return capacity() - static_cast<size_t>(written_.load() - released_.load());
  }
  // ... and out of order, behind what is written: bytes that have their place
  // already, to be counted as written when all before them are there.
  uint64_t limit() const { return released_.load() + capacity(); }
  void place(uint64_t position, std::span<const std::byte> bytes);
  void fetch(uint64_t position, std::span<std::byte> into) const;
  void extend_to(uint64_t position);

  // Consumer: what was written from `position` on, in at most two pieces.
  std::array<iovec, 2> from(uint64_t position) const;
  void release_to(uint64_t position);
  // Fills the pieces from the first byte that is not released, and releases.
  size_t read(std::span<const iovec> pieces);

  // Either.
  uint64_t written() const { return written_.load(); }
  uint64_t released() const { return released_.load(); }
  bool empty() const { return written() == released(); }

 private:
  std::unique_ptr<std::byte[]> bytes_;
  size_t mask_;
  alignas(64) std::atomic<uint64_t> written_{0};
  alignas(64) std::atomic<uint64_t> released_{0};
};

}  // namespace causeway
