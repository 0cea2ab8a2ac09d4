#include "tools/mover/mover_journal.h"

namespace causeway {

Result<MoverJournal> MoverJournal::open(const std::string& path,
                                        const std::string& migration) {
  CAUSEWAY_ASSIGN(Journal journal, Journal::open(path));
  CAUSEWAY_ASSIGN(const auto entry, journal.find(migration));
  if (!entry) {
    return make_error(ErrorCode::kNotFound,
                      "the journal {} does not know the migration {}", path,
                      migration);
  }
  return MoverJournal(std::move(journal), migration);
}

Status MoverJournal::record(CommitmentRecord record) {
  switch (record) {
    case CommitmentRecord::kCommitted:
      return journal_.record(migration_, MigrationRecord::kNothing,
                             MigrationRecord::kCommitted, Durability::kSynced);
    case CommitmentRecord::kPrepared:
      return journal_.record(migration_, MigrationRecord::kNothing,
                             MigrationRecord::kPrepared, Durability::kWritten);
    case CommitmentRecord::kRunning:
      return journal_.record(migration_, MigrationRecord::kPrepared,
                             MigrationRecord::kRunning, Durability::kWritten);
  }
  return make_error(ErrorCode::kInternal, "no such record");
}

}  // namespace causeway
