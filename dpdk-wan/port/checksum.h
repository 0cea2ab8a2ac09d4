// The internet's checksum (RFC 1071): the ones' complement of the ones'
// complement sum of 16-bit words, a last odd byte as the first of a word.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace causeway {

struct IpAddress;

class Checksum {
 public:
  // All but the last piece are of an even length.
  Checksum& add(std::span<const std::byte> bytes);
  Checksum& add(const IpAddress& address);
  // One 16-bit word, as a number.
  Checksum& add_word(uint16_t word);

  // What all that was added comes to, network order still to be made: 0xffff
  // where a right checksum was among it.
  uint16_t sum() const;
  uint16_t value() const { return static_cast<uint16_t>(~sum()); }

 private:
  uint64_t sum_ = 0;  // of words in the machine's byte order; RFC 1071, 2 (B)
};

// Of UDP's and ICMPv6's pseudo-header.
Checksum pseudo_head(const IpAddress& from, const IpAddress& to,
                     uint8_t protocol, size_t bytes);

}  // namespace causeway
