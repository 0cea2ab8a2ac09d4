// Rendezvous: what two movers need to find each other.
#pragma once

#include <string>

#include "engine/base/result.h"

namespace causeway {

// Of so many random bytes: ids, and tokens that both movers know.
Result<std::string> random_hex(size_t bytes);

// The mover listens where its agent does; "all addresses" is none to call, and
// the agent's own address stands for it.
Result<std::string> reachable_mover(const std::string& mover_address,
                                    const std::string& agent_address);

}  // namespace causeway
