// SimJournal: a CommitmentJournal in memory, which a test may make fail.
#pragma once

#include <functional>
#include <vector>

#include "engine/migration/commitment_journal.h"

namespace causeway::sim {

class SimJournal final : public CommitmentJournal {
 public:
  Status record(CommitmentRecord record) override {
    before_record(record);
    if (fail) return *fail;
    records.push_back(record);
    return {};
  }

  std::vector<CommitmentRecord> records;
  // Looks at the world just before a record is down.
  std::function<void(CommitmentRecord)> before_record = [](CommitmentRecord) {};
  std::optional<Error> fail;
};

}  // namespace causeway::sim
