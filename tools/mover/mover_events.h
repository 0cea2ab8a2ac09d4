// What a mover says, one JSON object a line on its stdout: listening, stage,
// progress, done, failed (tools/README.md lists the members).
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "engine/base/result.h"
#include "engine/migration/report.h"
#include "engine/migration/source_session.h"
#include "tools/mover/process_use.h"

namespace causeway {

nlohmann::json listening_event(const std::string& address);
nlohmann::json stage_event(const char* stage);
nlohmann::json progress_event(const MigrationProgress& progress);
nlohmann::json done_event(nlohmann::json report);
nlohmann::json failed_event(const Error& error, GuestPlace guest_at);

// The JSON report; `use` is the source mover's.
nlohmann::json report_json(const MigrationReport& report,
                           const ProcessUse& use);

// One line; a reader that is gone is no trouble (its end is noticed on stdin).
void write_event(const nlohmann::json& event);

}  // namespace causeway
