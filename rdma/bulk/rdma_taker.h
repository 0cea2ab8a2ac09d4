// RdmaTaker: the target's end of one worker's RDMA connection. What a message
// speaks of has landed when the message comes (RC keeps the order): blocks in
// place are shown to the sink, staged payloads copied to where it wants them,
// extents registered as the source asks for them, within the limit.
//
// A message is answered once all of it has been done: `taken` in the answer
// means landed. One owner, one thread. After an Error, or disconnect(), nothing
// lands any more.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "engine/guest/block_store.h"
#include "engine/path/put_sink.h"
#include "rdma/bulk/staging_ring.h"
#include "rdma/memory/lent_extents.h"
#include "rdma/verbs/rendezvous.h"
#include "rdma/wire/record.h"

namespace causeway {

struct RdmaTakerOptions {
  std::span<BlockStore* const> stores;  // by region; nullptr: not for WRITEs
  uint64_t pinned_bytes_max = kRdmaPinnedBytesDefault;
};

class RdmaTaker {
 public:
  // `sink` and the stores outlive it. `staging`: what the source was told.
  RdmaTaker(std::unique_ptr<RdmaEndpoint> endpoint, StagingRing staging,
            PutSink& sink, const RdmaTakerOptions& options);
  ~RdmaTaker() { disconnect(); }
  RdmaTaker(const RdmaTaker&) = delete;
  RdmaTaker& operator=(const RdmaTaker&) = delete;

  // Whether anything moved. kConnectionLost: the connection broke; anything
  // else: the sink's, or the peer broke the rules.
  Result<bool> poll();

  uint64_t taken() const { return taken_; }
  FenceId fence_landed() const { return fence_landed_; }
  uint64_t wire_bytes() const { return wire_bytes_; }
  uint64_t pinned_bytes_most() const { return extents_.pinned_bytes_most(); }

  void disconnect() { endpoint_->disconnect(); }
  Instant wait_on(WaitSet& set) const { return endpoint_->wait_on(set); }

 private:
  struct Arrived {
    uint32_t buffer = 0;
    uint32_t bytes = 0;
  };

  Result<bool> move();
  Status take_completions();
  Status take_message(std::span<const std::byte> message);
  Status take_record(const RdmaRecord& record);
  Status take_plain(const Frame& frame);
  Status take_staged(const PutHead& head, uint32_t offset);
  bool may_answer() const {
    return !answer_out_[answers_ % answer_out_.size()];
  }
  Status answer();

  std::unique_ptr<RdmaEndpoint> endpoint_;
  PutSink& sink_;
  StagingRing staging_;
  LentExtents extents_;

  std::vector<Arrived> arrived_;  // messages that wait, a ring
  uint64_t arrived_head_ = 0;
  uint64_t arrived_tail_ = 0;
  std::vector<bool> answer_out_;  // with the device, by buffer
  uint64_t answers_ = 0;
  RdmaAnswerWriter answer_;
  bool answer_due_ = false;

  uint64_t taken_ = 0;
  FenceId fence_landed_ = 0;
  uint64_t wire_bytes_ = 0;
};

}  // namespace causeway
