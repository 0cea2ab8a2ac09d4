#include "dpdk-wan/lanes/outbound_lanes.h"

#include <pthread.h>

#include <algorithm>

#include "engine/base/assert.h"
#include "engine/runtime/clock.h"

namespace causeway {
namespace {

WanOptions outbound_lane_options(const WanOptions& path, size_t lanes,
                                 int cancel_fd) {
  WanOptions options = path;
  options.lanes = static_cast<uint16_t>(lanes);
  options.silence_max = lane_silence(path.silence_max);
  options.timeout = std::min(path.timeout, kLaneConnectMax);
  options.cancel_fd = cancel_fd;
  return options;
}

// A channel looks for itself when the board was not closed for it: its peer
// took its stream away.
StripeOptions stripe_options(const WanOptions& path) {
  return {stripe_window_bytes(path.streams),
          lane_patience(path.silence_max) + kLaneTick};
}

}  // namespace

OutboundLanes::OutboundLanes(std::vector<LaneEnds> lanes,
                             const PathToken& token, const WanOptions& options)
    : lanes_(std::move(lanes)),
      token_(token),
      watch_(static_cast<uint32_t>(lanes_.size()),
             lane_patience(options.silence_max), monotonic_now()),
      path_(board_, "wan", stripe_options(options)) {
  options_ = outbound_lane_options(options, lanes_.size(), watch_.stop_fd());
}

Result<std::unique_ptr<OutboundLanes>> OutboundLanes::connect(
    std::vector<LaneEnds> lanes, const PathToken& token,
    const WanOptions& options) {
  CAUSEWAY_ASSERT(!lanes.empty() && lanes.size() <= kStripeLanesMax);
  CAUSEWAY_ASSERT(options.streams >= 1 && options.streams <= kStreamsMax);
  std::unique_ptr<OutboundLanes> path(
      new OutboundLanes(std::move(lanes), token, options));
  for (uint32_t i = 0; i < path->lanes_.size(); ++i) {
    path->threads_.emplace_back([&path = *path, i] {
      ::pthread_setname_np(::pthread_self(), "wan-lane");
      path.run(i);
    });
  }
  path->threads_.emplace_back([&path = *path] {
    if (path.watch_.await_lost()) path.board_.close();
  });
  CAUSEWAY_TRY(path->watch_.await_first(options.timeout));
  return path;
}

OutboundLanes::~OutboundLanes() {
  watch_.stop();
  for (std::thread& thread : threads_) thread.join();
}

std::vector<LaneReport> OutboundLanes::report() const {
  return watch_.report(monotonic_now());
}

void OutboundLanes::run(uint32_t lane) {
  WanOptions options = options_;
  options.lane = static_cast<uint16_t>(lane);
  Duration pause = kLaneRetryMin;
  while (!watch_.stopping()) {
    auto connected = connect(lane, options);
    if (connected) {
      serve(lane, std::move(connected).value());
      pause = kLaneRetryMin;
    } else {
      watch_.failed(connected.error());
    }
    if (!watch_.sleep(pause)) return;
    pause = std::min(2 * pause, kLaneRetryMax);
  }
}

Result<WanConnector::Lane> OutboundLanes::connect(uint32_t lane,
                                                  const WanOptions& options) {
  CAUSEWAY_ASSIGN(auto io, open_towards_peer(lanes_[lane]));
  return WanConnector::connect_lane(std::move(io), lanes_[lane].peer, token_,
                                    options);
}

// From its opening to its end; the link is gone on return.
void OutboundLanes::serve(uint32_t lane, WanConnector::Lane connected) {
  // First the board: who waits for the watch takes lanes from there.
  board_.post(lane, *connected.path);
  watch_.up(lane, connected.thread->link(), lanes_[lane].peer, monotonic_now());
  // A peer that has all it wanted closes the lane: that is no loss.
  const bool broke = connected.thread->await_end(watch_.stop_fd()) &&
                     !connected.thread->link().end().orderly;
  board_.withdraw(lane);
  watch_.down(lane, broke, monotonic_now());
  // The channels let go when they see it. Of a path that ends none is left.
  while (board_.in_use(lane) && watch_.sleep(kLaneTick)) {
  }
}

}  // namespace causeway
