// What we give ngtcp2, as ngtcp2 has it. For dpdk-wan/quic alone.
#pragma once

#include <ngtcp2/ngtcp2.h>

#include <cstddef>
#include <cstdint>
#include <span>

#include "engine/base/time.h"
#include "engine/path/socket_address.h"

namespace causeway {

inline ngtcp2_tstamp ngtcp2_time(Instant now) {
  return static_cast<ngtcp2_tstamp>(now.time_since_epoch().count());
}

inline ngtcp2_duration ngtcp2_length(Duration duration) {
  return static_cast<ngtcp2_duration>(duration.count());
}

inline const uint8_t* octets(std::span<const std::byte> bytes) {
  return reinterpret_cast<const uint8_t*>(bytes.data());
}

// Refers to `address`.
inline ngtcp2_addr ngtcp2_address(const SocketAddress& address) {
  return {const_cast<sockaddr*>(address.get()), address.bytes};
}

}  // namespace causeway
