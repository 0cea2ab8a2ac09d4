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

#include "engine/base/result.h"

namespace causeway {

enum class CommitmentRecord : uint8_t {
  kCommitted,  // source: only the target may run the guest
  kPrepared,   // target: it could; the source decides
  kRunning,    // target: it does
};

class CommitmentJournal {
 public:
  virtual ~CommitmentJournal() = default;
  virtual Status record(CommitmentRecord record) = 0;
};

}  // namespace causeway
