// JournalEntry: a row of the journal (journal.h), and its decoder.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>

#include "engine/base/result.h"
#include "engine/content/image_roots.h"

namespace causeway {

enum class MigrationRole : uint8_t { kSource, kTarget };
enum class MigrationRecord : uint8_t {
  kNothing,
  kCommitted,
  kPrepared,
  kRunning,
  kDiscarded,
  kAborted,
};
const char* migration_role_name(MigrationRole role);
const char* migration_record_name(MigrationRecord record);

struct JournalEntry {
  std::string migration;  // its id, 16 hexadecimal digits
  MigrationRole role = MigrationRole::kSource;
  std::string guest;
  std::string peer;       // the other agent's address, to ask it
  std::string peer_name;  // of its certificate; empty in the clear, and at the
                          // source until the target has answered
  MigrationRecord record = MigrationRecord::kNothing;
  std::string boot;     // boot_id() when it was begun
  pid_t mover_pid = 0;  // 0: has none
  uint64_t mover_start_ticks = 0;
  std::string why;          // of kAborted and kDiscarded, for the operator
  uint64_t changed_ms = 0;  // since the epoch
  // Of a source that is committed: what its frozen image must be proved to be.
  std::optional<ImageRoots> proof_due;
};

// As SQLite gives it back: what a row holds is checked like any bytes from
// outside, for the file may be damaged or of another version.
struct JournalRow {
  std::string migration, role, guest, peer, peer_name, record, boot, why;
  int64_t mover_pid = 0;
  int64_t mover_start_ticks = 0;
  int64_t changed_ms = 0;
  std::string proof;
};
// kIo; the sentence names the column.
Result<JournalEntry> decode_row(const JournalRow& row);

}  // namespace causeway
