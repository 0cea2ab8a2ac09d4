// StripedBulkReceiver: the receiving end of a striped channel. Records come by
// the lanes in any order and some twice; each goes whole into a buffer of its
// lane, then, if it is new, into the sink. A fence has landed when all records
// before it have.
//
//   seen_   | all here | here or not ................. | not yet to come |
//                      ^ floor_                        ^ + records
//
// So the sink is given puts in no order that means anything: their versions
// say which is newer.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "engine/path/path.h"
#include "engine/path/stripe/lane_board.h"
#include "engine/path/stripe/limits.h"

namespace causeway {

using InboundBoard = LaneBoard<InboundPath>;

class StripedBulkReceiver final : public BulkReceiver {
 public:
  // `board` and `sink` outlive the receiver. `patience` as in StripeOptions.
  StripedBulkReceiver(InboundBoard& board, uint32_t worker, PutSink& sink,
                      Duration patience);
  ~StripedBulkReceiver() override;

  Result<bool> poll(Instant now) override;
  bool closed() const override { return closed_; }
  FenceId fence_landed() const override { return fence_landed_; }
  uint64_t wire_bytes() const override;
  Status withdraw() override { return {}; }  // places by poll() alone
  Instant wait_on(WaitSet& set) const override;

  uint64_t duplicates() const { return duplicates_; }

 private:
  // Where a lane's puts go first: one lane's may be half here when another's
  // is complete, and the sink knows one at a time.
  class LaneSink final : public PutSink {
   public:
    explicit LaneSink(StripedBulkReceiver& owner) : owner_(owner) {}
    Result<std::span<std::byte>> begin(const PutHead& head) override;
    Status end(const PutHead& head) override;
    Status written(const PutHead& head) override;
    void open();  // allocates, the first time

   private:
    StripedBulkReceiver& owner_;
    std::unique_ptr<std::byte[]> place_;
  };
  struct Lane {
    explicit Lane(StripedBulkReceiver& owner) : sink(owner) {}
    InboundBoard::Lease lease;
    LaneSink sink;
    std::unique_ptr<BulkReceiver> receiver;
    bool closed = false;
  };

  void take_lanes();
  void take_lane(uint32_t index, InboundBoard::Lease lease);
  Result<bool> poll_lane(Lane& lane, Instant now);
  void lane_broke(Lane& lane, Error error);
  Result<bool> poll_lanes(Instant now);
  void hang_up();

  bool seen(uint64_t sequence) const {
    return sequence < floor_ || seen_[sequence % kStripeRecordsMax];
  }
  Status check(const PutHead& head) const;
  Status take(const PutHead& head, std::span<const std::byte> payload);
  Status advance_floor();

  InboundBoard::View board_;
  uint32_t worker_;
  PutSink& sink_;
  Duration patience_;
  std::vector<Lane> lanes_;
  std::vector<bool> seen_;
  std::vector<FenceId> fences_;  // of the sequences above floor_; 0: none
  uint64_t floor_ = 1;
  uint64_t above_ = 0;  // records here whose predecessors are not all
  FenceId fence_landed_ = 0;
  uint64_t duplicates_ = 0;
  uint64_t past_wire_bytes_ = 0;
  bool closed_ = false;
  std::optional<Error> refused_;  // by the sink, or against the rules
  std::optional<Error> broken_;   // what every later poll() returns
  std::optional<Error> lane_error_;
  std::optional<Instant> no_lane_since_;
};

}  // namespace causeway
