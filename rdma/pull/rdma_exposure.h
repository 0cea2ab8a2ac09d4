// RdmaExposure: the source's end of a connection for pulls: RAM that the target
// may read (rdma/pull/rdma_puller.h). The target asks for the run of data
// around a block; it is registered, for reading alone, within the limit, and
// its key answers. From then on no processor of this end has a part in its
// READs, until the target gives the key back.
//
// One owner, one thread. After an Error, or withdraw(), nothing is exposed.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "engine/base/result.h"
#include "engine/base/stepper.h"
#include "engine/guest/block_store.h"
#include "rdma/memory/lent_extents.h"
#include "rdma/verbs/endpoint.h"

namespace causeway {

class RdmaExposure {
 public:
  // The endpoint is connected (rdma/rdma_pull.h). stores[region]: nullptr where
  // nothing is exposed; they outlive it.
  RdmaExposure(std::unique_ptr<RdmaEndpoint> endpoint,
               std::span<BlockStore* const> stores, uint64_t pinned_bytes_max);
  ~RdmaExposure() { withdraw(); }
  RdmaExposure(const RdmaExposure&) = delete;
  RdmaExposure& operator=(const RdmaExposure&) = delete;

  // Answers what was asked; whether anything moved. Before sleeping on
  // wait_on(): until it says no. kConnectionLost: the connection broke, or the
  // target has ended it; kPeerBroken: the target broke the rules.
  Result<bool> poll();

  // The queue pair is gone on return, and no key is good.
  void withdraw();

  Instant wait_on(WaitSet& set) const;

  uint64_t questions() const { return taken_; }  // messages that were answered
  uint64_t pinned_bytes() const { return extents_.pinned_bytes(); }
  uint64_t pinned_bytes_most() const { return extents_.pinned_bytes_most(); }

 private:
  Result<bool> move();
  Result<bool> take_completions();
  Status answer(const RdmaCompletion& message);
  Status take_record(const RdmaRecord& record, RdmaAnswerWriter& answers);

  std::unique_ptr<RdmaEndpoint> endpoint_;
  LentExtents extents_;
  uint64_t taken_ = 0;
  uint32_t answers_out_ = 0;  // with the device
  std::optional<Error> broken_;
};

}  // namespace causeway
