#include "dpdk-wan/quic/congestion.h"

namespace causeway {

std::optional<CongestionControl> congestion_from_name(std::string_view name) {
  if (name == "cubic") return CongestionControl::kCubic;
  if (name == "bbr") return CongestionControl::kBbr;
  if (name == "bbr2") return CongestionControl::kBbr2;
  return std::nullopt;
}

}  // namespace causeway
