// What a caller wishes of the path, checked, chosen, and as the movers' specs
// have it.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "dpdk-wan/port/port_options.h"
#include "engine/base/result.h"
#include "engine/control/control.pb.h"

namespace causeway {

// `encrypted`: this host has a certificate.
Status check_path_wish(const control::PathWish& wish, bool encrypted);

// The members of a mover's spec. `wish.kind` is not "auto" any more; `port`:
// this host's, if its packets do not go through the kernel.
void add_path(nlohmann::json* spec, const control::PathWish& wish,
              const std::optional<PortOptions>& port);

// The i-th of `lanes` lanes has the i-th address, or begins anew with the
// first; `otherwise` when there are none.
std::vector<std::string> lanes_of(const std::vector<std::string>& addresses,
                                  uint32_t lanes, const std::string& otherwise);
// The member of a mover's spec that makes the path striped, if there are any
// lanes; `peers`: of a source, the other ends.
void add_lanes(nlohmann::json* spec, const std::vector<std::string>& locals,
               const std::vector<std::string>& peers);

}  // namespace causeway
