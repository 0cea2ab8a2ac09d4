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
  std::optional<Error> unusable;
  for (size_t i = 0; i < ours.size(); ++i) {
    if (theirs[i].empty()) continue;
    const auto from = numeric_address(ours[i]);
    const auto to = numeric_address(theirs[i]);
    if (!from || !to) {
      unusable = from ? to.error() : from.error();
      continue;
    }
    ports.ports_.push_back({*from, *to, i});
  }
  if (!ports.ports_.empty()) return ports;
  if (unusable) return *unusable;
  return make_error(ErrorCode::kUnreachable,
                    "the target's verbs device is not there");
}

}  // namespace causeway
