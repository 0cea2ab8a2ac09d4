// Agent: all that one host does for its guests and their moves. Finds the
// guests of an earlier agent in the state folder and leaves its own running
// when it goes.
//
// Thread-safe; called from the server's threads. run() is the main thread's.
#pragma once

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "engine/base/result.h"
#include "engine/control/handler.h"
#include "tools/agent/arrival.h"
#include "tools/agent/departure.h"
#include "tools/agent/host.h"

namespace causeway {

struct AgentOptions {
  std::string name;
  std::string state_folder;
  std::string mover_listen = "127.0.0.1:0";
  std::string program_folder;
  uint64_t memory_limit_bytes = 0;
  std::vector<std::string> vmm_arguments;  // for tests
};

class Agent : public GuestHandler, public MigrationHandler {
 public:
  static Result<std::unique_ptr<Agent>> create(const AgentOptions& options);
  ~Agent() override;

  const std::string& state_folder() const { return host_.store.folder(); }

  // Where its server answers; before the first move.
  void set_address(const std::string& address);

  // Any thread: all that it counts, for Prometheus.
  std::string metrics_text();

  // Notices guests that die, until one of `stop_fds` is readable.
  void watch_guests(const std::vector<int>& stop_fds);

  // Cancels what is on its way, so that calls under way end.
  void cancel_moves();
  // Ends every guest of this host and removes it (the demo's agents).
  void stop_all_guests();
  size_t guests() const { return host_.table.all().size(); }

  Result<control::GuestStatus> run_guest(
      const control::GuestConfig& config) override;
  control::GuestList list_guests() override;
  Result<control::CheckReply> check_guest(const std::string& name) override;
  Status stop_guest(const std::string& name) override;
  Status break_guest(const control::Fault& fault) override;

  Status migrate(const control::MigrateRequest& request,
                 const MigrationEventSink& sink) override;
  Status cancel(const std::string& migration) override;
  Status hold(const std::string& migration, bool held) override;
  Result<control::ReserveReply> reserve(
      const control::ReserveRequest& request) override;
  Result<control::OutcomeReply> outcome(const std::string& migration) override;
  Status discard(const std::string& migration) override;
  Result<control::DecisionReply> decision(
      const std::string& migration) override;
  Result<control::CommitReply> commit(const std::string& migration) override;
  Result<control::MigrationList> list_migrations() override;
  Status decide(const control::DecideRequest& request) override;

 private:
  // An arrival and how many calls look at it just now.
  struct HeldArrival {
    std::unique_ptr<Arrival> arrival;
    int calls = 0;
  };
  class ArrivalUse;

  Agent(const AgentOptions& options, GuestStore store, Journal journal);
  // By the migration's id or the guest's name; with mutex_ held.
  Result<Departure*> find_departure(const std::string& name);
  bool under_way(const std::string& migration);
  bool never_started(const JournalEntry& entry) const;
  Status make_it_run(const std::string& migration);
  control::MigrationStatus status_of(
      const JournalEntry& entry,
      const std::map<std::string, std::string>& reasons);
  Result<GuestPaths> paths_of(const std::string& name) const;
  control::GuestStatus status_of(const GuestView& view) const;
  Status check_disk_is_free(const control::GuestConfig& config) const;
  void forget_old_arrivals();

  Host host_;
  std::mutex mutex_;
  std::condition_variable departed_;
  bool stopping_ = false;
  std::map<std::string, Departure*> departures_;
  std::map<std::string, HeldArrival> arrivals_;
  std::vector<std::string> arrival_order_;  // oldest first
};

}  // namespace causeway
