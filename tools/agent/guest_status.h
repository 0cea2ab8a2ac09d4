// A guest as the operator is shown it.
#pragma once

#include "engine/control/control.pb.h"
#include "tools/agent/host.h"

namespace causeway {

// Asks its monitor, which may take a bounded time; what it did not say is left
// out, with the reason.
control::GuestStatus guest_status(const Host& host, const GuestView& view);

}  // namespace causeway
