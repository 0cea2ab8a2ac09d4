// HostTopology for people.
#pragma once

#include <string>

#include "tools/topology/host_topology.h"

namespace causeway {

std::string topology_text(const HostTopology& host);

// "0-3,8"
std::string pu_set_text(const PuSet& pus);

}  // namespace causeway
