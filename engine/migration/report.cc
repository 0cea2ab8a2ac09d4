#include "engine/migration/report.h"

#include <algorithm>

namespace causeway {

void Ledger::add(const std::string& line, Duration spent) {
  const auto found =
      std::find_if(lines_.begin(), lines_.end(),
                   [&](const auto& entry) { return entry.first == line; });
  if (found != lines_.end()) {
    found->second += spent;
  } else {
    lines_.emplace_back(line, spent);
  }
}

Duration Ledger::total() const {
  Duration total{0};
  for (const auto& [line, spent] : lines_) total += spent;
  return total;
}

const char* migration_mode_name(MigrationMode mode) {
  return mode == MigrationMode::kPreCopy ? "pre-copy" : "stop-and-copy";
}

}  // namespace causeway
