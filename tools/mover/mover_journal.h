// MoverJournal: the records of one migration, in its host's journal.
#pragma once

#include <string>

#include "engine/control/journal.h"
#include "engine/migration/commitment_journal.h"
#include "tools/mover/mover_spec.h"

namespace causeway {

class MoverJournal final : public CommitmentJournal {
 public:
  // Reads the migration's row, so that the first record, in the blackout, need
  // not load the file. kNotFound: the agent did not begin it (spec.begin: the
  // mover does).
  static Result<MoverJournal> open(const MoverSpec& spec);

  Status make_ready() override;
  Status record(CommitmentRecord record, const ProofDue& proof_due) override;

 private:
  MoverJournal(Journal journal, std::string migration)
      : journal_(std::move(journal)), migration_(std::move(migration)) {}

  Journal journal_;
  std::string migration_;
};

}  // namespace causeway
