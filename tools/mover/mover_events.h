// What a mover says, one JSON object a line on its stdout: listening, stage,
// progress, done, failed (tools/README.md lists the members).
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "dpdk-wan/lanes/lane_watch.h"
#include "engine/base/result.h"
#include "engine/migration/report.h"
#include "engine/migration/source_session.h"
#include "rdma/rdma_connector.h"
#include "rdma/rdma_tally.h"
#include "tools/mover/mover_spec.h"
#include "tools/mover/process_use.h"

namespace causeway {

// `lanes`: of a striped path.
nlohmann::json listening_event(const std::string& address,
                               const std::vector<std::string>& lanes);
// What repair did for what was urgent.
nlohmann::json repair_json(const RepairStats& repair);
nlohmann::json stage_event(const char* stage);
nlohmann::json progress_event(const MigrationProgress& progress);
nlohmann::json done_event(nlohmann::json report);
nlohmann::json failed_event(const Error& error, GuestPlace guest_at);

// The JSON report; `use` is the source mover's.
nlohmann::json report_json(const MigrationReport& report,
                           const ProcessUse& use);

// Of a striped path: its member of the report.
nlohmann::json lanes_json(const std::vector<LaneReport>& lanes);

// Of an rdma path: its member of the report.
// `routes`: by worker.
nlohmann::json rdma_json(const MoverRdma& rdma,
                         const std::vector<RdmaRoute>& routes,
                         const RdmaTally& tally);

// One line; a reader that is gone is no trouble (its end is noticed on stdin).
void write_event(const nlohmann::json& event);

}  // namespace causeway
