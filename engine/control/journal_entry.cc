#include "engine/control/journal_entry.h"

#include <algorithm>
#include <array>

#include "engine/base/limits.h"
#include "engine/control/limits.h"

namespace causeway {
namespace {

constexpr std::array kRoles = {MigrationRole::kSource, MigrationRole::kTarget};
constexpr std::array kRecords = {
    MigrationRecord::kNothing,   MigrationRecord::kCommitted,
    MigrationRecord::kPrepared,  MigrationRecord::kRunning,
    MigrationRecord::kDiscarded, MigrationRecord::kAborted};

Error bad_column(const char* column, const std::string& value) {
  return make_error(ErrorCode::kIo,
                    "the journal's column {} holds \"{}\", which no version "
                    "of Causeway that this one knows writes",
                    column, value.substr(0, kNameBytesMax));
}

Status check_texts(const JournalRow& row) {
  if (row.migration.empty() || row.migration.size() > kNameBytesMax)
    return bad_column("migration", row.migration);
  if (row.guest.empty() || row.guest.size() > kNameBytesMax)
    return bad_column("guest", row.guest);
  if (row.peer.size() > kAddressBytesMax) return bad_column("peer", row.peer);
  if (row.peer_name.size() > kAddressBytesMax)
    return bad_column("peer_name", row.peer_name);
  if (row.boot.size() > kNameBytesMax) return bad_column("boot", row.boot);
  if (row.why.size() > kWhyBytesMax) return bad_column("why", row.why);
  return {};
}

bool possible(MigrationRole role, MigrationRecord record) {
  switch (record) {
    case MigrationRecord::kCommitted:
    case MigrationRecord::kAborted:
      return role == MigrationRole::kSource;
    case MigrationRecord::kPrepared:
    case MigrationRecord::kRunning:
      return role == MigrationRole::kTarget;
    case MigrationRecord::kNothing:
    case MigrationRecord::kDiscarded:
      return true;
  }
  return false;
}

}  // namespace

const char* migration_role_name(MigrationRole role) {
  return role == MigrationRole::kSource ? "source" : "target";
}

const char* migration_record_name(MigrationRecord record) {
  switch (record) {
    case MigrationRecord::kNothing:
      return "nothing";
    case MigrationRecord::kCommitted:
      return "committed";
    case MigrationRecord::kPrepared:
      return "prepared";
    case MigrationRecord::kRunning:
      return "running";
    case MigrationRecord::kDiscarded:
      return "discarded";
    case MigrationRecord::kAborted:
      return "aborted";
  }
  return "nothing";
}

Result<JournalEntry> decode_row(const JournalRow& row) {
  CAUSEWAY_TRY(check_texts(row));
  JournalEntry entry;
  const auto* role = std::find_if(
      kRoles.begin(), kRoles.end(),
      [&](MigrationRole one) { return row.role == migration_role_name(one); });
  if (role == kRoles.end()) return bad_column("role", row.role);
  const auto* record =
      std::find_if(kRecords.begin(), kRecords.end(), [&](MigrationRecord one) {
        return row.record == migration_record_name(one);
      });
  if (record == kRecords.end() || !possible(*role, *record))
    return bad_column("record", row.record);
  if (row.mover_pid < 0 || row.mover_pid > INT32_MAX)
    return bad_column("mover_pid", std::to_string(row.mover_pid));
  if (row.mover_start_ticks < 0)
    return bad_column("mover_start_ticks",
                      std::to_string(row.mover_start_ticks));
  if (row.changed_ms < 0)
    return bad_column("changed_ms", std::to_string(row.changed_ms));
  entry.proof_due = decode_image_roots(row.proof);
  if (!entry.proof_due && !row.proof.empty())
    return bad_column("proof", row.proof);
  entry.migration = row.migration;
  entry.role = *role;
  entry.guest = row.guest;
  entry.peer = row.peer;
  entry.peer_name = row.peer_name;
  entry.record = *record;
  entry.boot = row.boot;
  entry.why = row.why;
  entry.mover_pid = static_cast<pid_t>(row.mover_pid);
  entry.mover_start_ticks = static_cast<uint64_t>(row.mover_start_ticks);
  entry.changed_ms = static_cast<uint64_t>(row.changed_ms);
  return entry;
}

}  // namespace causeway
