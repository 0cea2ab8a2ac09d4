// The mover that makes a frozen image's proof after the source's mover has died
// on the way to it: it talks to the guest's shim alone.
#pragma once

#include "tools/mover/mover_spec.h"

namespace causeway {

// The program's exit code.
int run_proof_mover(const MoverSpec& spec);

}  // namespace causeway
