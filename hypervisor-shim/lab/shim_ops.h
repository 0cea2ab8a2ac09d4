// shim_ops(): a Vmm as the table of C functions that the embedded shim calls.
#pragma once

#include "hypervisor-shim/embed/causeway_shim.h"

namespace causeway::lab {

// The `vmm` argument of each function is a Vmm*.
cw_vmm_ops shim_ops();

}  // namespace causeway::lab
