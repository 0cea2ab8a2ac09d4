// The io_uring of a guest's disk: it can read, write and sync, and nothing
// else. A ring could open files and connect sockets too, whatever the sandbox
// (sandbox.h) forbids.
#pragma once

#include <liburing.h>

#include "engine/base/result.h"

namespace causeway::lab {

// Sets up `ring`; after an Error there is none.
Status open_disk_ring(unsigned entries, io_uring* ring);

}  // namespace causeway::lab
