// DeparturePlan: how a guest leaves: by which path, over whose fabric, under
// which congestion control, with which codec, and what to try when it began
// with too little knowledge.
//
//   make ──► choose_path ──► choose_congestion ──► ask ── the target's answer
//   wish      round trip      loss                                 │
//             if it is open   if it is known                       ▼
//   anew ◄── the line is too bad for it ◄── tell the mover ◄── take_fabrics
//
// A value: what was measured is an argument. One owner, one thread.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "engine/base/result.h"
#include "engine/base/time.h"
#include "engine/control/control.pb.h"
#include "engine/policy/congestion_choice.h"
#include "engine/policy/path_choice.h"
#include "tools/agent/path_wish.h"
#include "tools/agent/rdma_fabrics.h"

namespace causeway {

class DeparturePlan {
 public:
  // kInvalidArgument says what cannot be wished. `encrypted`: this host has a
  // certificate.
  static Result<DeparturePlan> make(const control::MigrateRequest& wish,
                                    bool encrypted);

  // The wish, with what has been chosen in the place of what was left open.
  const control::MigrateRequest& request() const { return request_; }
  bool goes_by(const char* path) const {
    return request_.path().kind() == path;
  }

  // Whether nobody said which path: choose_path() it is then. `rtt`: between
  // the agents.
  bool path_is_open() const;
  PathDecision choose_path(Duration rtt);
  // Once the path is known. `loss`: what is known of the line. Nothing: there
  // is nothing to choose.
  std::optional<CongestionDecision> choose_congestion(
      std::optional<double> loss);
  // The target has the last word: it knows what both trust. `names`: of its
  // answer; none: it does not go over a fabric. kPeerBroken: no answer to this.
  Status take_fabrics(const RdmaEnds& ends, const FabricNames& names);
  const std::vector<RdmaFabric>& fabrics() const { return fabrics_; }
  // RDMA would have been taken, had both hosts trusted a fabric.
  bool misses_rdma(const RdmaEnds& ends) const;

  // What of the reservation and of the source mover's spec is the plan's.
  // `lane_peers`: where the target's lanes are.
  void ask(control::ReserveRequest* request, const WanEnds& wan,
           const RdmaEnds& rdma) const;
  void tell(nlohmann::json* spec, const WanEnds& wan, const RdmaEnds& rdma,
            const std::vector<std::string>& lane_peers) const;

  // By BBR2, for want of knowledge: what the line shows may speak for anew().
  bool on_trial() const { return on_trial_; }
  // What to wish instead: by BBR, in the time that `spent` has left over.
  control::MigrateRequest anew(Duration spent) const;

 private:
  DeparturePlan(const control::MigrateRequest& wish, bool encrypted)
      : request_(wish), encrypted_(encrypted) {}
  bool may_go_by_rdma() const { return goes_by("rdma") || rdma_would_do_; }

  control::MigrateRequest request_;
  bool encrypted_;
  bool rdma_would_do_ = false;  // nobody said which path
  std::vector<RdmaFabric> fabrics_;
  bool on_trial_ = false;
};

}  // namespace causeway
