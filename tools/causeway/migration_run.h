// MigrationRun: one migration as a client sees it through: shows it, lets
// Ctrl-C cancel it, gives the report. For `migrate` and `demo`.
#pragma once

#include <CLI/CLI.hpp>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>

#include "engine/base/result.h"
#include "engine/base/time.h"
#include "engine/control/agent_client.h"
#include "tools/causeway/migration_view.h"

namespace causeway {

// --mode --max-blackout --path --congestion --fec --datagram-bytes --streams
// --bandwidth --codec --dedup --proof
class MigrateArguments {
 public:
  void add_options(CLI::App* app);
  // --time-limit --dry-run: of `migrate` alone.
  void add_run_options(CLI::App* app);
  control::MigrateRequest request(const std::string& guest,
                                  const std::string& to) const;

 private:
  std::string mode_ = "pre-copy";
  Duration max_blackout_{std::chrono::milliseconds(30)};
  // A worker at each end for each: 0.92 of the wire with two, half of it with
  // one (perf/README.md).
  uint32_t streams_ = 2;
  uint64_t bandwidth_bytes_s_ = 0;
  std::string path_ = "auto";
  std::string congestion_ = "auto";
  std::string fec_ = "auto";
  uint32_t datagram_bytes_ = 0;
  std::string codec_ = "auto";
  std::string dedup_ = "auto";
  std::string proof_ = "frozen";
  Duration time_limit_{0};
  bool dry_run_ = false;
};

class MigrationRun {
 public:
  MigrationRun(AgentClient* source, MigrationView* view)
      : source_(source), view_(view) {}

  // Blocks until it has ended.
  Result<nlohmann::json> run(const control::MigrateRequest& request);

  // Any thread. Before run() it prevents the migration.
  void cancel();

 private:
  void take(const control::MigrationEvent& event);

  AgentClient* source_;
  MigrationView* view_;
  nlohmann::json report_;
  std::mutex mutex_;
  std::string id_;
  bool cancelled_ = false;
};

}  // namespace causeway
