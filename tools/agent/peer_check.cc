#include "tools/agent/peer_check.h"

namespace causeway {

Status check_peer(const Journal& journal, const std::string& peer,
                  const std::string& migration, MigrationRole role) {
  CAUSEWAY_ASSIGN(const auto entry, journal.find(migration));
  if (!entry || entry->role != role || entry->peer_name == peer) return {};
  return make_error(ErrorCode::kPermission,
                    "migration {} is \"{}\"'s, not \"{}\"'s", migration,
                    entry->peer_name, peer);
}

}  // namespace causeway
