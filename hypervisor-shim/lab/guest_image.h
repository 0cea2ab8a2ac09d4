// The guest's memory as it is at boot: program, parameters, slices.
#pragma once

#include <cstddef>
#include <span>

#include "engine/base/result.h"
#include "hypervisor-shim/lab/guest_abi.h"
#include "hypervisor-shim/lab/guest_memory.h"
#include "hypervisor-shim/lab/options.h"

namespace causeway::lab {

// The flat image of the guest program, for GUEST_PROGRAM_GPA.
std::span<const std::byte> guest_program();

// Who owns which blocks. kInvalidArgument: too little memory for the tables.
Result<GuestParams> plan_params(const GuestOptions& options, bool has_avx);

// Writes program and parameters into fresh memory, before the guest runs.
void write_image(const GuestMemory& memory, const GuestParams& params);

}  // namespace causeway::lab
