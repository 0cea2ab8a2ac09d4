// Whose a migration is.
#pragma once

#include <string>

#include "engine/base/result.h"
#include "engine/control/journal.h"

namespace causeway {

// Whoever is let in may not touch what others have agreed on: kPermission
// unless `peer` is the other end of that migration, in which this host has the
// role `role`. Of one that is not known here nothing is said.
Status check_peer(const Journal& journal, const std::string& peer,
                  const std::string& migration, MigrationRole role);

}  // namespace causeway
