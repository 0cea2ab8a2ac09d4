// Journal: what a host knows of its migrations once every process of the
// engine is gone: an SQLite file (WAL) with a row a migration. The agent
// writes it and, for the records of commitment, the movers do, each through a
// Journal of its own; commitment.pml is the protocol and names the records.
//
//   source   kNothing ─► kCommitted ─► kDiscarded          (it runs there)
//                └─► kAborted ◄─┘  (taken back; or never sent)
//   target   kNothing ─► kPrepared ─► kRunning             (it runs here)
//                └─► kDiscarded ◄─┘
//
// A record is made only from the one that its writer knows (compare and set),
// so that a mover that was thought dead cannot commit what has been aborted.
//
// Durability: kSynced is on the disk when the call returns (fsync of the WAL);
// kWritten outlives every process but not the host's power. A row says in
// which boot of the host it was begun, so that after a loss of power nothing
// is concluded from a record that may have been lost with it (README.md).
//
// Thread-safe. Files are 0600.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/base/result.h"
#include "engine/control/journal_entry.h"

namespace causeway {

enum class Durability : uint8_t { kWritten, kSynced };

class Journal {
 public:
  // kIo: damaged or of another version, with what to do. Creates it.
  static Result<Journal> open(const std::string& path);
  ~Journal();
  Journal(Journal&&) noexcept;
  Journal& operator=(Journal&&) noexcept;

  // A migration begins: record kNothing, synced. kAlreadyExists.
  Status begin(const JournalEntry& entry);
  // kCancelled: the record is no longer `from` (the other end of the host has
  // decided meanwhile). After any other Error it may be on the disk or not.
  Status record(const std::string& migration, MigrationRecord from,
                MigrationRecord to, Durability durability,
                const std::string& why = "");
  // Makes the next commit() one sync and no more: what this connection does
  // at its first one (the folder, too, is synced) is done, and the file is not
  // tidied by it (a checkpoint is others' work).
  Status make_ready(const std::string& migration);
  // kNothing to kCommitted, synced, and with it what the frozen image is to be
  // proved against by who finds this record.
  Status commit(const std::string& migration,
                const std::optional<ImageRoots>& proof_due);
  Status set_mover(const std::string& migration, pid_t pid,
                   uint64_t start_ticks);
  // Whose word counts from here on. Before `committed`, which takes it to the
  // disk with itself.
  Status set_peer_name(const std::string& migration, const std::string& name);

  Result<std::optional<JournalEntry>> find(const std::string& migration) const;
  // Oldest first. One row that cannot be read is an Error: nothing may be
  // decided without it.
  Result<std::vector<JournalEntry>> all() const;
  // Ended rows beyond the newest `keep`. Those not decided stay.
  Status forget_old(size_t keep);

 private:
  struct Impl;
  explicit Journal(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// The kernel's id of this boot; empty where it does not say.
std::string boot_id();

}  // namespace causeway
