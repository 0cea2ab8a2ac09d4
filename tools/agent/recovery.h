// What an agent does when it starts, before it answers anyone: finds its
// guests, its journal and what an earlier agent left under way, and puts all
// in order (the table stands in tools/agent/README.md).
//
// Only what has certainly never run here is removed: a disk may be the only
// copy.
#pragma once

#include "engine/base/result.h"
#include "tools/agent/host.h"

namespace causeway {

// An Error when the journal cannot be read: nothing may be decided without.
Status recover_host(Host* host);

}  // namespace causeway
