#include <arpa/inet.h>

#include <cstring>

#include "dpdk-wan/port/checksum.h"
#include "dpdk-wan/port/ip_address.h"

namespace causeway {
namespace {

template <typename T>
T load(const std::byte* from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

}  // namespace

// Words of 32 bits into a sum of 64: no carry is lost below 16 GiB, and the
// compiler makes vectors of it.
Checksum& Checksum::add(std::span<const std::byte> bytes) {
  const std::byte* at = bytes.data();
  size_t left = bytes.size();
  uint64_t sum = 0;
  for (; left >= 4; at += 4, left -= 4) sum += load<uint32_t>(at);
  if (left >= 2) {
    sum += load<uint16_t>(at);
    at += 2;
    left -= 2;
  }
  if (left == 1) {
    uint16_t last = 0;
    std::memcpy(&last, at, 1);
    sum += last;
  }
  sum_ += sum;
  return *this;
}

Checksum& Checksum::add(const IpAddress& address) {
  return add(std::as_bytes(std::span(address.bytes).first(address.size())));
}

Checksum& Checksum::add_word(uint16_t word) {
  sum_ += htons(word);
  return *this;
}

uint16_t Checksum::sum() const {
  uint64_t sum = sum_;
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return ntohs(static_cast<uint16_t>(sum));
}

Checksum pseudo_head(const IpAddress& from, const IpAddress& to,
                     uint8_t protocol, size_t bytes) {
  Checksum sum;
  sum.add(from).add(to).add_word(protocol);
  // IPv6 has 32 bits for the length; no frame of ours needs them.
  return sum.add_word(static_cast<uint16_t>(bytes));
}

}  // namespace causeway
