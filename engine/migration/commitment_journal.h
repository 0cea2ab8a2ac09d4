// CommitmentJournal: the records of one migration that outlive its sessions.
// Implemented by tools/mover over the host's journal (engine/control/journal.h)
// and in memory by the simulator. engine/control/commitment.pml is the
// protocol.
//
// One owner, one thread. record() returns when the record is down: kCommitted
// on the disk, the others where they outlive every process. kCancelled: this
// host has decided otherwise meanwhile. Any other Error: it may be down or
// not, and only who reads the journal afterwards knows.
#pragma once

#include <cstdint>
#include <optional>

#include "engine/base/result.h"
#include "engine/content/image_roots.h"

namespace causeway {

enum class CommitmentRecord : uint8_t {
  kCommitted,  // source: only the target may run the guest
  kPrepared,   // target: it could; the source decides
  kRunning,    // target: it does
};

// What the frozen image is still to be proved against when this mover is gone;
// nothing: no proof is due.
using ProofDue = std::optional<ImageRoots>;

class CommitmentJournal {
 public:
  virtual ~CommitmentJournal() = default;
  // While the guest still runs: all that would make the first record slower
  // than its one sync.
  virtual Status make_ready() = 0;
  // `proof_due`: of kCommitted, goes down with it.
  virtual Status record(CommitmentRecord record, const ProofDue& proof_due) = 0;
};

}  // namespace causeway
