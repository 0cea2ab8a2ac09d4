// Arrival: a guest on its way to this host. Made by reserve(); its own thread
// listens to the target's mover and, when that fails or leaves, gives back
// all that was reserved.
//
//   reserve() ── mover: done ──────────► the guest runs here
//            ├── mover: failed, gone, ─► nothing is left
//            │   discard(), no word in time
//            └── mover: gone after ────► undecided_arrival.h
//                PREPARED
//
// What is true when the mover has ended, however, the journal says.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "engine/base/result.h"
#include "engine/control/control.pb.h"
#include "tools/agent/host.h"
#include "tools/agent/mover_process.h"
#include "tools/agent/new_guest.h"

namespace causeway {

class Arrival {
 public:
  // Reserves memory, disk and name, compares CPU features, starts shell and
  // mover. On an Error nothing is left.
  // `peer`: the name of the source's agent; only its mover may connect.
  static Result<std::unique_ptr<Arrival>> reserve(
      Host* host, const std::string& peer,
      const control::ReserveRequest& request);
  // Discards what has not arrived.
  ~Arrival();

  Arrival(const Arrival&) = delete;
  Arrival& operator=(const Arrival&) = delete;

  const std::string& guest_name() const { return name_; }
  // Where the source's mover shall connect.
  const std::string& mover_address() const { return mover_address_; }
  // ... and by which lanes, if the path is striped.
  const std::vector<std::string>& lane_addresses() const {
    return lane_addresses_;
  }

  // Over which the path is rdma; none: it is not.
  const std::vector<RdmaFabric>& rdma_fabrics() const { return rdma_fabrics_; }

  // Any thread:
  bool ended() const;
  // Waits for the end. The report of the target's mover, or why the guest
  // is not here.
  Result<std::string> outcome() const;
  // Makes the mover leave, waits until nothing is left. Refused when the
  // guest runs here.
  Status discard();

 private:
  explicit Arrival(Host* host) : host_(host) {}
  Status prepare(const std::string& peer,
                 const control::ReserveRequest& request);
  Status check_features(const std::string& features);
  Status await_listening();
  void listen_to_mover();
  Status begin_row(const std::string& peer,
                   const control::ReserveRequest& request);
  Result<std::string> follow_mover();
  bool called_off() const;
  void end(Result<std::string> result);

  Host* host_;
  std::string id_;
  std::string name_;
  std::string mover_address_;
  std::vector<std::string> lane_addresses_;
  std::vector<RdmaFabric> rdma_fabrics_;
  std::unique_ptr<NewGuest> guest_;
  std::unique_ptr<MoverProcess> mover_;  // until the end

  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  std::optional<Result<std::string>> result_;
  bool called_off_ = false;
  std::thread thread_;
};

}  // namespace causeway
