// RdmaPorts: by which verbs devices the source reaches the target's: one pair
// for each fabric on which the hosts meet. Connections take turns at them; one
// by which none can be made is left out from then on.
#pragma once

#include <spdlog/spdlog.h>

#include <algorithm>
#include <optional>
#include <vector>

#include "engine/base/result.h"
#include "engine/path/socket_address.h"
#include "rdma/rdma_options.h"
#include "rdma/wire/offer.h"

namespace causeway {

class RdmaPorts {
 public:
  struct Port {
    SocketAddress from;
    SocketAddress to;
    size_t fabric = 0;  // of the addresses of both
    std::optional<Error> broken{};
  };

  // kUnreachable: the target has none of its devices; kIncompatible: the ends
  // do not speak of the same fabrics; kInvalidArgument: no address of an end is
  // one. Numbers alone: no name server is asked for what a peer says.
  static Result<RdmaPorts> between(const RdmaOptions& source,
                                   const RdmaOffer& target);

  // connect(port, patience) -> Result<Connection>, at the port whose turn it is
  // and then at the others. The error is the first's. All together wait no
  // longer than kRdmaConnectMax for ports that do not answer.
  template <typename Connect>
  auto connect(size_t turn, Connect connect)
      -> decltype(connect(std::declval<const Port&>(), Duration())) {
    for (size_t i = 0; i < ports_.size(); ++i) {
      Port& port = ports_[(turn + i) % ports_.size()];
      if (port.broken) continue;
      auto made = connect(std::as_const(port), timeout_ / ports_.size());
      if (made) return made;
      if (ports_.size() > 1) spdlog::warn("{}", made.error().message);
      port.broken = made.error();
    }
    return *ports_[turn % ports_.size()].broken;
  }

 private:
  explicit RdmaPorts(Duration timeout)
      : timeout_(std::min(timeout, kRdmaConnectMax)) {}

  Duration timeout_;
  std::vector<Port> ports_;  // at least one
};

}  // namespace causeway
