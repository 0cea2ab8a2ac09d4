#include "tools/mover/mover_journal.h"

namespace causeway {

Result<MoverJournal> MoverJournal::open(const MoverSpec& spec) {
  CAUSEWAY_ASSIGN(Journal journal, Journal::open(spec.journal));
  if (spec.begin) {
    JournalEntry fresh;
    fresh.migration = spec.migration;
    fresh.role = spec.role == MoverRole::kSource ? MigrationRole::kSource
                                                 : MigrationRole::kTarget;
    fresh.guest = spec.guest;
    fresh.boot = boot_id();
    CAUSEWAY_TRY(journal.begin(fresh));
  }
  CAUSEWAY_ASSIGN(const auto entry, journal.find(spec.migration));
  if (!entry) {
    return make_error(ErrorCode::kNotFound,
                      "the journal {} does not know the migration {}",
                      spec.journal, spec.migration);
  }
  return MoverJournal(std::move(journal), spec.migration);
}

Status MoverJournal::make_ready() { return journal_.make_ready(migration_); }

Status MoverJournal::record(CommitmentRecord record,
                            const ProofDue& proof_due) {
  switch (record) {
    case CommitmentRecord::kCommitted:
      return journal_.commit(migration_, proof_due);
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
