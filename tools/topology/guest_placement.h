// GuestPlacement: on which NUMA nodes the RAM of a guest of this host lies.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <istream>
#include <map>
#include <optional>
#include <string>

#include "engine/base/result.h"

namespace causeway {

struct GuestPlacement {
  std::string name;
  pid_t pid = -1;  // of its VMM
  uint64_t memory_bytes = 0;
  std::map<unsigned, uint64_t> bytes_by_node;  // what its VMM has touched

  // The one with most of it; nothing: no page is there yet.
  std::optional<unsigned> node() const;
};

// Of the VMM `pid`, a process of this host. kNotFound: it is none that has a
// guest of that name (its agent is on another host); kPermission.
Result<GuestPlacement> read_guest_placement(const std::string& name, pid_t pid);

// Bytes by node of the guest's RAM, out of its VMM's /proc/PID/numa_maps.
// Nothing: no mapping is that guest's RAM.
std::optional<std::map<unsigned, uint64_t>> ram_bytes_by_node(
    std::istream& numa_maps, const std::string& guest);

}  // namespace causeway
