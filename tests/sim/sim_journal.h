// SimJournal: a CommitmentJournal in memory, which a test may make fail.
#pragma once

#include <functional>
#include <vector>

#include "engine/migration/commitment_journal.h"

namespace causeway::sim {

class SimJournal final : public CommitmentJournal {
 public:
  Status make_ready() override { return {}; }
  Status record(CommitmentRecord record, const ProofDue& due) override {
    before_record(record);
    if (fail) return *fail;
    records.push_back(record);
    proof_due = due;
    return {};
  }

  std::vector<CommitmentRecord> records;
  ProofDue proof_due;  // with the last one
  // Looks at the world just before a record is down.
  std::function<void(CommitmentRecord)> before_record = [](CommitmentRecord) {};
  std::optional<Error> fail;
};

}  // namespace causeway::sim
