// The verbs devices of this host, with what only the devices themselves say:
// each is opened, asked, and closed. Blocks while it does; any thread.
#pragma once

#include <span>
#include <vector>

#include "engine/runtime/network_interface.h"
#include "rdma/devices/verbs_device.h"

namespace causeway {

// By name; none: the kernel has none. One that cannot be opened (no right to
// /dev/infiniband, ib_uverbs or the user-space driver missing) is there with
// its `trouble`, and without capacity and MTU. `interfaces`: of this host.
std::vector<VerbsDevice> list_verbs_devices(
    std::span<const NetworkInterface> interfaces);

}  // namespace causeway
