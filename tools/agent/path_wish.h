// What a host has for the wan path, what a caller wishes of the path, checked,
// chosen, and as the movers' specs have it.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "dpdk-wan/port/port_options.h"
#include "engine/base/result.h"
#include "engine/control/control.pb.h"

namespace causeway {

// Where the wan path's packets leave and reach this host. With two addresses or
// ports and more, moves use all of them at once.
struct WanEnds {
  std::vector<PortOptions> ports;  // none: the kernel's sockets
  std::vector<std::string> via;  // "ADDRESS:0", one a lane; only those or ports

  std::optional<PortOptions> first_port() const {
    if (ports.empty()) return std::nullopt;
    return ports.front();
  }
  // 0: one connection. One port serves one connection.
  uint32_t lanes() const {
    const size_t count = ports.empty()       ? via.size()
                         : ports.size() >= 2 ? ports.size()
                                             : 0;
    return static_cast<uint32_t>(count);
  }
};

// `encrypted`: this host has a certificate.
Status check_path_wish(const control::PathWish& wish, bool encrypted);

// The members of a mover's spec. `wish.kind` is not "auto" any more; `port`:
// this host's, if its packets do not go through the kernel.
void add_path(nlohmann::json* spec, const control::PathWish& wish,
              const std::optional<PortOptions>& port);

// The members of a mover's spec that make the path striped, into `lanes` lanes,
// if there are any. The i-th has the i-th port, of which there may be fewer; or
// the i-th address, or begins anew with the first; `otherwise` when there are
// none. `peers`: of a source, the other ends.
void add_lanes(nlohmann::json* spec, const WanEnds& ends, uint32_t lanes,
               const std::string& otherwise,
               const std::vector<std::string>& peers);

}  // namespace causeway
