// Rows of the journal as a damaged file may give them back: fields divided by
// newlines, three numbers, what is to be proved.
#include <cstdlib>
#include <sstream>
#include <string>

#include "engine/base/assert.h"
#include "engine/control/journal_entry.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::istringstream fields(
      std::string(reinterpret_cast<const char*>(data), size));
  causeway::JournalRow row;
  for (std::string* field :
       {&row.migration, &row.role, &row.guest, &row.peer, &row.peer_name,
        &row.record, &row.boot, &row.why}) {
    std::getline(fields, *field);
  }
  for (int64_t* number :
       {&row.mover_pid, &row.mover_start_ticks, &row.changed_ms}) {
    std::string text;
    std::getline(fields, text);
    *number = std::strtoll(text.c_str(), nullptr, 10);
  }
  std::getline(fields, row.proof);
  const auto entry = causeway::decode_row(row);
  if (!entry) return 0;
  // What is taken is what the row said.
  CAUSEWAY_ASSERT(causeway::migration_role_name(entry->role) == row.role);
  CAUSEWAY_ASSERT(causeway::migration_record_name(entry->record) == row.record);
  CAUSEWAY_ASSERT(entry->mover_pid >= 0 && entry->guest == row.guest);
  return 0;
}
