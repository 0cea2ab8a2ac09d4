// What a ProcessMachine asks of the kernel once its guest runs or is awaited:
// all that its sandbox (lab/sandbox.h) lets through.
#pragma once

#include <array>

#include "hypervisor-shim/process/kernel_abi.h"

namespace causeway::process {

inline constexpr std::array<unsigned long, 3> kRunningIoctls = {
    UFFDIO_REGISTER, UFFDIO_UNREGISTER, PAGEMAP_SCAN};

}  // namespace causeway::process
