#include "rdma/rdma_ports.h"

namespace causeway {

Result<RdmaPorts> RdmaPorts::between(const RdmaOptions& source,
                                     const RdmaOffer& target) {
  const auto& ours = source.device_addresses;
  const auto& theirs = target.addresses;
  if (ours.size() != theirs.size()) {
    return make_error(ErrorCode::kIncompatible,
                      "the target has verbs devices for {} fabrics, this end "
                      "for {}",
                      theirs.size(), ours.size());
  }
  RdmaPorts ports(source.timeout);
  for (size_t i = 0; i < ours.size(); ++i) {
    if (theirs[i].empty()) continue;
    CAUSEWAY_ASSIGN(const auto from, resolve_address(ours[i], true));
    CAUSEWAY_ASSIGN(const auto to, resolve_address(theirs[i], false));
    ports.ports_.push_back({from.front(), to.front()});
  }
  if (!ports.ports_.empty()) return ports;
  return make_error(ErrorCode::kUnreachable,
                    "the target's verbs device is not there");
}

}  // namespace causeway
