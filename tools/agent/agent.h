// Agent: all that one host does for its guests and their moves. Finds the
// guests of an earlier agent in the state folder and leaves its own running
// when it goes.
//
// Thread-safe; its parts are called, through the Gatekeeper, from the server's
// threads. watch_guests() is the main thread's.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/base/result.h"
#include "engine/base/tls_files.h"
#include "tools/agent/arrivals.h"
#include "tools/agent/content_keeper.h"
#include "tools/agent/decisions.h"
#include "tools/agent/departures.h"
#include "tools/agent/guests.h"
#include "tools/agent/host.h"
#include "tools/agent/probes.h"

namespace causeway {

struct AgentOptions {
  std::string name;
  std::string state_folder;
  std::string mover_listen = "127.0.0.1:0";
  std::string program_folder;
  uint64_t memory_limit_bytes = 0;
  std::vector<std::string> vmm_arguments;  // for tests
  std::optional<TlsFiles> tls;             // nothing: in the clear
  WanEnds wan;
  RdmaEnds rdma;
  std::string index;      // of content; empty: in the state folder
  std::string index_key;  // a file; empty: likewise
  bool index_guests = false;
};

class Agent {
 public:
  static Result<std::unique_ptr<Agent>> create(const AgentOptions& options);
  Agent(const Agent&) = delete;
  Agent& operator=(const Agent&) = delete;

  const std::string& state_folder() const { return host_.store.folder(); }

  // Where its server answers; before the first move.
  void set_address(const std::string& address);

  // All that it counts, for Prometheus.
  std::string metrics_text() const;

  // Notices guests that die, until one of `stop_fds` is readable.
  void watch_guests(const std::vector<int>& stop_fds);

  // Cancels what is on its way, so that calls under way end.
  void cancel_moves();
  size_t count_guests() const { return host_.table.all().size(); }

  Guests& guests() { return guests_; }
  Departures& departures() { return departures_; }
  Arrivals& arrivals() { return arrivals_; }
  Decisions& decisions() { return decisions_; }
  Probes& probes() { return probes_; }

 private:
  Agent(const AgentOptions& options, GuestStore store, Journal journal);

  Host host_;
  Guests guests_;
  Departures departures_;
  Arrivals arrivals_;
  Decisions decisions_;
  Probes probes_;
  std::unique_ptr<ContentKeeper> keeper_;  // if guests are indexed
};

}  // namespace causeway
