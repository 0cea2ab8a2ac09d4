#include "tools/agent/kept_image.h"

#include <spdlog/spdlog.h>

namespace causeway {

void keep_image(Host* host, const std::string& migration,
                GuestTable::Claim claim, const std::string& why) {
  claim.leave_as(GuestPhase::kFrozen, why);
  const Status kept = host->journal.record(
      migration, MigrationRecord::kCommitted, MigrationRecord::kDiscarded,
      Durability::kSynced, why);
  if (!kept) spdlog::error("{}", kept.error().message);
}

Error kept_image_error(const Host& host, const std::string& guest,
                       const std::string& why) {
  return make_error(ErrorCode::kContentMismatch,
                    "{}; guest {} runs at the target, its frozen image is kept "
                    "at {} (see it with guest list, remove it with guest stop)",
                    why, guest, host.name);
}

}  // namespace causeway
