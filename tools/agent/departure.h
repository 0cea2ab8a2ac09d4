// Departure: a guest that leaves this host, from the operator's wish to the
// report. Runs on the thread of the call; cancel() comes from others.
//
//   claim ─► reserve at the target ─► source mover ─┬─ done ─► stop the frozen
//     (CPU features, spec from                      │    VMM, remove its folder
//      the guest's shim)                            ├─ failed ─► discard at the
//                                                   │    target; guest runs on
//                                                   └─ gone after COMMITTED ─►
//                                                        undecided_departure.h
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "engine/base/result.h"
#include "engine/control/agent_client.h"
#include "engine/control/handler.h"
#include "tools/agent/departure_news.h"
#include "tools/agent/departure_plan.h"
#include "tools/agent/host.h"
#include "tools/agent/line_watch.h"
#include "tools/agent/mover_process.h"

namespace causeway {

class Departure {
 public:
  // One that was given up for this one.
  struct Earlier {
    std::string id;
    std::string why;
    double seconds = 0;
  };
  // What to try instead of one that gave itself up.
  struct Next {
    control::MigrateRequest request;
    Earlier earlier;
  };

  // Takes the guest's claim.
  static Result<std::unique_ptr<Departure>> begin(
      Host* host, const control::MigrateRequest& request,
      std::optional<Earlier> earlier = std::nullopt);

  const std::string& id() const { return id_; }

  // Moves it. The report is the last event.
  Status run(const MigrationEventSink& sink);

  // Once run() has failed; nothing: that was all. Not after cancel().
  std::optional<Next> next() const;

  const std::string& guest() const { return name_; }
  const std::optional<Earlier>& earlier() const { return earlier_; }

  // Any thread. The guest stays here unless it has moved already.
  void cancel();
  // Any thread.
  Status hold(bool held);

 private:
  Departure(Host* host, DeparturePlan plan, GuestTable::Claim claim,
            std::optional<Earlier> earlier);

  // The journal's, as far as it never changes.
  JournalEntry row() const;
  Status begin_row();
  Status choose_way();
  Status reserve();
  Result<control::ReserveRequest> reservation() const;
  Status take_fabrics(const FabricNames& names);
  Status take_addresses(const control::ReserveReply& reply);
  Status give_spec();
  // The mover's last event; one that died has failed.
  nlohmann::json follow_mover();
  void pass_on(const MoverEvent& event);
  // Whether it had better begin anew, by what the mover says of the line.
  void reconsider(const nlohmann::json& progress);
  void end_mover();
  // However it ended: what it has seen of the line is worth knowing.
  void learn_loss();
  Status end_dry_run(const nlohmann::json& report);
  Error not_moved(MoverFailure failure);
  void complete(nlohmann::json* report);
  void remove_guest();

  Host* host_;
  DeparturePlan plan_;
  GuestTable::Claim claim_;
  std::string name_;
  std::string id_;
  std::string token_;
  std::string target_address_;           // of the target's agent
  std::string target_name_;              // the same, by its certificate
  std::string peer_;                     // of the target's mover
  std::vector<std::string> lane_peers_;  // of a striped path
  std::unique_ptr<AgentClient> target_;
  bool reserved_ = false;  // the target may hold something for it
  LineWatch line_;
  std::optional<std::string> second_thoughts_;
  bool given_up_ = false;  // for them, and the guest runs on here
  Instant began_;
  std::optional<Earlier> earlier_;
  std::optional<DepartureNews> news_;  // while it runs, and after
  std::atomic<bool> can_be_held_{false};
  bool told_to_cancel_ = false;

  std::atomic<bool> cancelled_{false};
  std::mutex mover_mutex_;  // cancel() against the mover's coming and going
  std::unique_ptr<MoverProcess> mover_;
};

}  // namespace causeway
