// The frozen image of a guest that runs at the target and whose last proof
// failed: evidence, which an operator looks at before it goes.
#pragma once

#include <string>

#include "engine/base/result.h"
#include "tools/agent/guest_table.h"
#include "tools/agent/host.h"

namespace causeway {

// `why`: what the proof has found.
void keep_image(Host* host, const std::string& migration,
                GuestTable::Claim claim, const std::string& why);

// For the caller of the migration.
Error kept_image_error(const Host& host, const std::string& guest,
                       const std::string& why);

}  // namespace causeway
