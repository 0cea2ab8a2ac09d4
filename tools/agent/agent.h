// Agent: all that one host does for its guests and their moves. Finds the
// guests of an earlier agent in the state folder and leaves its own running
// when it goes.
//
// Thread-safe; called, through the Gatekeeper, from the server's threads. run()
// is the main thread's.
#pragma once

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "engine/base/result.h"
#include "engine/base/tls_files.h"
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
  std::optional<TlsFiles> tls;             // nothing: in the clear
};

class Agent {
 public:
  static Result<std::unique_ptr<Agent>> create(const AgentOptions& options);
  ~Agent();
  Agent(const Agent&) = delete;
  Agent& operator=(const Agent&) = delete;

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

  Result<control::GuestStatus> run_guest(const control::GuestConfig& config);
  control::GuestList list_guests();
  Result<control::CheckReply> check_guest(const std::string& name);
  Status stop_guest(const std::string& name);
  Status break_guest(const control::Fault& fault);

  Status migrate(const control::MigrateRequest& request,
                 const MigrationEventSink& sink);
  Status cancel(const std::string& migration);
  Status hold(const std::string& migration, bool held);
  Status watch(const std::string& migration, const WatchSink& sink);
  // `peer`: the name of the agent that asks, empty in the clear. What two have
  // agreed on no other may ask about, discard or commit.
  Result<control::ReserveReply> reserve(const std::string& peer,
                                        const control::ReserveRequest& request);
  Result<control::OutcomeReply> outcome(const std::string& peer,
                                        const std::string& migration);
  Status discard(const std::string& peer, const std::string& migration);
  Result<control::DecisionReply> decision(const std::string& peer,
                                          const std::string& migration);
  Result<control::CommitReply> commit(const std::string& peer,
                                      const std::string& migration);
  Result<control::MigrationList> list_migrations();
  Status decide(const control::DecideRequest& request);

 private:
  // An arrival and how many calls look at it just now.
  struct HeldArrival {
    std::unique_ptr<Arrival> arrival;
    int calls = 0;
  };
  class ArrivalUse;
  // `role`: what this host is in it.
  Status check_peer(const std::string& peer, const std::string& migration,
                    MigrationRole role) const;
  Status discard_here(const std::string& migration);

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
