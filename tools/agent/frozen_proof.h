// FrozenProof: the proof of a frozen image that the source's mover did not live
// to make, by a mover of its own. One owner, one thread; when it goes, so does
// the mover.
#pragma once

#include <memory>
#include <optional>

#include "engine/base/result.h"
#include "engine/control/journal_entry.h"
#include "tools/agent/host.h"
#include "tools/agent/mover_process.h"

namespace causeway {

class FrozenProof {
 public:
  // `entry` says what is due.
  static Result<std::unique_ptr<FrozenProof>> start(Host* host,
                                                    const JournalEntry& entry);

  // Does not block. Nothing: not yet. kContentMismatch: the image is another
  // one than the target's. Any other Error: it could not be made.
  std::optional<Status> result();

 private:
  explicit FrozenProof(std::unique_ptr<MoverProcess> mover)
      : mover_(std::move(mover)) {}

  std::unique_ptr<MoverProcess> mover_;
};

}  // namespace causeway
