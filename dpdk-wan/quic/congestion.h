// CongestionControl: how fast a QUIC connection may send. Apart from the
// connection, so that who only names one needs no QUIC.
#pragma once

#include <optional>
#include <string_view>

namespace causeway {

// RFC 9438; draft-ietf-ccwg-bbr-00 (ngtcp2's "BBR2").
enum class CongestionControl { kCubic, kBbr, kBbr2 };

// "cubic", "bbr", "bbr2".
std::optional<CongestionControl> congestion_from_name(std::string_view name);

}  // namespace causeway
