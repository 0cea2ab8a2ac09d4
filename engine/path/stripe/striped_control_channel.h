// StripedControlChannel: one control channel over those of several lanes.
// Messages are cut into pieces with sequence numbers; a piece goes by the lane
// that delivers it first and is kept until it has been acknowledged on that
// lane. What a lane that stalls or breaks has not acknowledged goes again by
// another; the receiving end puts them in order and drops what comes twice.
//
//   send ──► outgoing_: pieces base_..., each on a lane or waiting for one
//   lanes ──► incoming_: pieces from expected_ on ──► message_ ──► receive
//
// A closing end says farewell, so that the other does not wait for lanes that
// will not come back. Errors as ControlChannel's; kConnectionLost also when
// there is no lane left and none comes, as StripedBulkChannel.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "engine/path/path.h"
#include "engine/path/stripe/fragment.h"
#include "engine/path/stripe/lane_board.h"
#include "engine/path/stripe/lane_flow.h"

namespace causeway {

// Opens the lanes' control channels: the one thing in which the two ends of a
// striped control channel differ.
class ControlLanes {
 public:
  virtual ~ControlLanes() = default;
  // A lane's channel and what must outlive it. Nothing: look for the next.
  struct Opened {
    uint32_t lane = 0;
    std::unique_ptr<ControlChannel> channel;
  };
  // Lanes that were posted since; none: an empty list.
  virtual std::vector<Opened> take_new() = 0;
  virtual void give_back(uint32_t lane) = 0;
  virtual bool any_new() const = 0;
  virtual bool closed() const = 0;  // no lane comes any more
  virtual int fd() const = 0;       // readable: any_new()
};

class StripedControlChannel final : public ControlChannel {
 public:
  StripedControlChannel(std::unique_ptr<ControlLanes> lanes, Duration patience);
  ~StripedControlChannel() override;

  Status send(std::span<const std::byte> message) override;
  Result<std::optional<std::vector<std::byte>>> receive(Instant now) override;
  void set_urgent(bool urgent) override;
  // A lane that closes waits for its own silence only, and what it does not
  // bring another lane must, or itself once it is up again.
  bool may_close() const override { return outgoing_.empty(); }
  Instant wait_on(WaitSet& set) const override;

 private:
  using Message = std::optional<std::vector<std::byte>>;
  static constexpr uint32_t kNoLane = UINT32_MAX;

  struct Piece {
    FragmentKind kind = FragmentKind::kPiece;
    std::vector<std::byte> encoded;
    uint32_t lane = kNoLane;
    bool landed = false;
  };
  struct Lane {
    std::unique_ptr<ControlChannel> channel;
    LaneFlow flow{kFragmentsMax};
    uint64_t received = 0;  // pieces, by this lane
    uint64_t answered = 0;  // ... of which the peer has been told
    bool stalled = false;
    bool pledged = false;  // given pieces though it stalls: no other flowed
  };
  struct Incoming {
    FragmentKind kind = FragmentKind::kPiece;
    std::vector<std::byte> bytes;
  };

  void queue(FragmentKind kind, std::span<const std::byte> bytes);
  void say_at_last(bool everywhere);
  Piece& piece(uint64_t sequence) { return outgoing_[sequence - base_]; }

  void take_lanes();
  void lane_broke(uint32_t lane, Error error);
  void take_back(uint32_t lane);
  bool other_flows(uint32_t lane) const;
  void watch_stalls();
  void dispatch();
  uint32_t choose() const;
  bool hand_to(uint32_t lane, uint64_t sequence);

  Status read_lanes();
  Status read_lane(uint32_t lane);
  Status take(uint32_t lane, const Fragment& fragment);
  Status take_piece(const Fragment& fragment);
  void take_received(uint32_t lane, uint64_t count);
  void answer(uint32_t lane);
  Status join_pieces();

  std::unique_ptr<ControlLanes> opener_;
  Duration patience_;
  Instant now_{};
  std::vector<Lane> lanes_;

  std::deque<Piece> outgoing_;  // base_ and on
  uint64_t base_ = 1;
  uint64_t next_ = 1;  // the first that never went
  size_t outgoing_bytes_ = 0;

  std::map<uint64_t, Incoming> incoming_;  // expected_ and above
  uint64_t expected_ = 1;
  size_t incoming_bytes_ = 0;
  std::vector<std::byte> partial_;  // of the message that is coming
  std::deque<std::vector<std::byte>> whole_;
  bool farewell_ = false;  // the peer's

  bool urgent_ = false;
  std::optional<Error> lane_error_;
  std::optional<Instant> no_lane_since_;
};

// Over the lanes of a board of either end.
std::unique_ptr<ControlLanes> control_lanes(LaneBoard<OutboundPath>& board);
std::unique_ptr<ControlLanes> control_lanes(LaneBoard<InboundPath>& board);

}  // namespace causeway
