// The stores of a guest's regions, over the descriptors that its VMM gave.
#pragma once

#include <memory>
#include <vector>

#include "engine/guest/block_store.h"
#include "hypervisor-shim/client/shim_guest.h"

namespace causeway {

Result<std::vector<std::unique_ptr<BlockStore>>> open_region_stores(
    const ShimGuest& guest);

}  // namespace causeway
