// HostTopology as JSON: everything, numbers in bytes and bits.
#pragma once

#include <nlohmann/json.hpp>

#include "tools/topology/host_topology.h"

namespace causeway {

// What is not known is null.
nlohmann::json topology_to_json(const HostTopology& host);

}  // namespace causeway
