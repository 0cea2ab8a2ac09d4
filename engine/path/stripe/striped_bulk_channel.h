// StripedBulkChannel: one worker's bulk channel over several lanes, each a
// bulk channel of its own. What is posted is copied into a window and becomes
// a record with a sequence number; a record goes by the lane that delivers it
// first, and stays in the window until a fence of that lane has covered it. A
// lane that stalls or breaks: its records go again by the others, and the
// receiver drops what it has by the sequence. A fence is a record too: it has
// landed when all records before it have.
//
//   records_  | landed | on lanes' ways, or to be redone | to be sent | free |
//                      ^ base_                           ^ next_      ^ head_
//   window_   the payloads of base_..head_, a ring in the same order
//
// An Error when there is no lane left and none comes (the board is closed, or
// the patience is over), or the peer broke the rules.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "engine/path/path.h"
#include "engine/path/stripe/lane_board.h"
#include "engine/path/stripe/lane_flow.h"
#include "engine/path/stripe/limits.h"

namespace causeway {

using OutboundBoard = LaneBoard<OutboundPath>;

struct StripeOptions {
  // Of each channel: stripe_window_bytes().
  size_t window_bytes = kStripeWindowBytes;
  // How long a channel may be without any lane while the board is open.
  Duration patience{0};
};

class StripedBulkChannel final : public BulkChannel {
 public:
  // `board` outlives the channel; lanes that are posted later are taken up.
  StripedBulkChannel(OutboundBoard& board, uint32_t worker,
                     const StripeOptions& options);
  ~StripedBulkChannel() override;

  Result<size_t> post(std::span<const Put> puts) override;
  Result<bool> post_fence(FenceId fence) override;
  Result<ChannelProgress> poll(Instant now) override;
  ChannelLimits limits() const override;
  void set_urgent(bool urgent) override { urgent_.store(urgent); }
  Instant wait_on(WaitSet& set) const override;

 private:
  static constexpr uint8_t kNoLane = UINT8_MAX;

  struct Record {
    PutHead head;
    uint64_t payload_at = 0;  // in the window, counted up for good
    uint64_t window_end = 0;  // after it: free once this has landed
    uint8_t lane = kNoLane;   // the last that took it
    bool released = false;    // a lane has read the payload
    bool landed = false;
  };
  struct Lane {
    explicit Lane(uint32_t records) : flow(records) {}
    OutboundBoard::Lease lease;  // before the channel: it outlives it
    std::unique_ptr<BulkChannel> channel;
    LaneFlow flow;
    uint64_t released = 0;  // of the lane's puts
    uint64_t fenced = 0;    // of its records: a fence is behind them
    uint64_t fenced_bytes = 0;
    uint64_t sent_bytes = 0;  // posted to it
    uint64_t wire_bytes = 0;
    bool full = false;     // took less than all; until the next poll
    bool stalled = false;  // until it acknowledges
    bool pledged = false;  // given records though it stalls: no other flowed
  };

  Record& record(uint64_t sequence) {
    return records_[sequence & (records_.size() - 1)];
  }
  bool window_full() const { return head_ - base_ == records_.size(); }
  std::byte* room_for(size_t bytes, Record& into);
  void add(const Put& put);

  // What may allocate: a lane that comes.
  void take_lanes();
  void tell_urgency();
  bool has_lane() const;

  Status poll_lane(uint8_t lane, Instant now);
  void lane_broke(uint8_t lane, Error error);
  void take_back(uint8_t lane);
  void count_released(Lane& lane, uint64_t released);
  void advance_base();
  void watch_stalls(Instant now);
  bool other_flows(uint8_t lane) const;

  bool dispatch(Instant now);
  Record* next_record();
  uint8_t choose(uint32_t bytes, Instant now) const;
  bool may_try(uint32_t bytes) const;
  bool hand_to(uint8_t lane, Record& record, Instant now);
  bool post_lane_fences();

  OutboundBoard::View board_;
  uint32_t worker_;
  StripeOptions options_;
  std::vector<Record> records_;
  std::unique_ptr<std::byte[]> window_;
  std::vector<Lane> lanes_;

  uint64_t base_ = 1;  // sequences count from 1
  uint64_t next_ = 1;
  uint64_t head_ = 1;
  uint64_t redo_ = 1;         // none below it is to be redone
  uint64_t released_to_ = 1;  // all below are released
  uint64_t posted_puts_ = 0;
  uint64_t released_puts_ = 0;
  uint64_t waiting_bytes_ = 0;  // payloads that no lane has
  uint64_t window_head_ = 0;
  uint64_t window_tail_ = 0;
  FenceId last_fence_ = 0;
  uint64_t last_fence_at_ = 0;  // its sequence
  uint8_t last_lane_ = 0;
  std::atomic<bool> urgent_{false};
  bool urgency_told_ = false;  // to the lanes
  bool fresh_ = false;         // something was posted since the last poll
  ChannelProgress progress_;
  uint64_t past_wire_bytes_ = 0;  // of lanes that broke
  std::optional<Instant> no_lane_since_;
  std::optional<Error> broke_;  // the last lane that did
};

}  // namespace causeway
