#include "dpdk-wan/lanes/inbound_lanes.h"

#include <pthread.h>

#include <algorithm>
#include <bit>
#include <optional>

#include "engine/base/assert.h"
#include "engine/runtime/clock.h"

namespace causeway {
namespace {

// The source tries a lane again and again; whoever accepts need not look up.
constexpr Duration kAcceptMax = std::chrono::hours(24);

WanOptions inbound_lane_options(const WanOptions& path, size_t lanes,
                                int cancel_fd) {
  WanOptions options = path;
  options.lanes = static_cast<uint16_t>(lanes);
  options.silence_max = lane_silence(path.silence_max);
  options.timeout = kAcceptMax;
  options.cancel_fd = cancel_fd;
  return options;
}

class InboundLanes final : public InboundPath {
 public:
  InboundLanes(std::vector<LaneEnds> lanes, std::vector<WanListener> listeners,
               const PathToken& token, const WanOptions& options)
      : lanes_(std::move(lanes)),
        token_(token),
        watch_(static_cast<uint32_t>(listeners.size()),
               lane_patience(options.silence_max), monotonic_now()),
        path_(board_, {stripe_window_bytes(options.streams),
                       lane_patience(options.silence_max) + kLaneTick}) {
    options_ =
        inbound_lane_options(options, listeners.size(), watch_.stop_fd());
    for (uint32_t i = 0; i < listeners.size(); ++i) {
      threads_.emplace_back(
          [this, i, listener = std::move(listeners[i])]() mutable {
            ::pthread_setname_np(::pthread_self(), "wan-lane");
            run(i, std::move(listener));
          });
    }
    threads_.emplace_back([this] {
      if (watch_.await_lost()) board_.close();
    });
  }
  ~InboundLanes() override {
    watch_.stop();
    for (std::thread& thread : threads_) thread.join();
  }

  Result<std::unique_ptr<ControlChannel>> accept_control() override {
    return path_.accept_control();
  }
  Result<std::unique_ptr<BulkReceiver>> accept_bulk(uint32_t worker,
                                                    PutSink& sink) override {
    return path_.accept_bulk(worker, sink);
  }
  Status await_first(Duration timeout) { return watch_.await_first(timeout); }

 private:
  void run(uint32_t lane, WanListener first);
  void serve(uint32_t lane, WanListener::Lane accepted);

  const std::vector<LaneEnds> lanes_;
  PathToken token_;
  WanOptions options_;
  LaneWatch watch_;
  InboundBoard board_;
  StripedInboundPath path_;
  std::vector<std::thread> threads_;
};

void InboundLanes::run(uint32_t lane, WanListener first) {
  WanOptions options = options_;
  options.lane = static_cast<uint16_t>(lane);
  const uint16_t udp_port = first.port();
  std::optional<WanListener> listener(std::move(first));
  while (!watch_.stopping()) {
    if (listener) {
      auto accepted = listener->accept_lane(token_, options);
      listener.reset();
      if (accepted) {
        serve(lane, std::move(accepted).value());
      } else {
        watch_.failed(accepted.error());
        if (!watch_.sleep(kLaneRetryMin)) return;
      }
    }
    auto again = open_to_listen(lanes_[lane], udp_port);
    if (again) {
      listener = WanListener::over(std::move(again).value());
      continue;
    }
    watch_.failed(again.error());
    if (!watch_.sleep(kLaneRetryMin)) return;
  }
}

// A stream that nobody reads any more: its end tells the peer.
class Nowhere final : public PutSink {
 public:
  Result<std::span<std::byte>> begin(const PutHead&) override { return gone(); }
  Status end(const PutHead&) override { return gone(); }
  Status written(const PutHead&) override { return gone(); }

 private:
  static Error gone() {
    return make_error(ErrorCode::kInternal, "Nobody takes what comes here.");
  }
};

void refuse_streams(InboundPath& path, uint64_t workers) {
  Nowhere nowhere;
  for (; workers != 0; workers &= workers - 1) {
    const auto worker = static_cast<uint32_t>(std::countr_zero(workers));
    [[maybe_unused]] const auto gone = path.accept_bulk(worker, nowhere);
  }
}

// From its opening to its end; the link is gone on return.
void InboundLanes::serve(uint32_t lane, WanListener::Lane accepted) {
  // First the board: who waits for the watch takes lanes from there.
  refuse_streams(*accepted.path, board_.post(lane, *accepted.path));
  watch_.up(lane, accepted.thread->link(), accepted.peer, monotonic_now());
  const bool broke = accepted.thread->await_end(watch_.stop_fd()) &&
                     !accepted.thread->link().end().orderly;
  board_.withdraw(lane);
  watch_.down(lane, broke, monotonic_now());
  // The channels let go when they see it. Of a path that ends none is left.
  while (board_.in_use(lane) && watch_.sleep(kLaneTick)) {
  }
}

}  // namespace

Result<LanesListener> LanesListener::listen(std::vector<LaneEnds> lanes) {
  CAUSEWAY_ASSERT(!lanes.empty() && lanes.size() <= kStripeLanesMax);
  LanesListener listener;
  for (const LaneEnds& lane : lanes) {
    CAUSEWAY_ASSIGN(auto io, open_to_listen(lane, 0));
    listener.listeners_.push_back(WanListener::over(std::move(io)));
  }
  listener.lanes_ = std::move(lanes);
  return listener;
}

std::vector<std::string> LanesListener::addresses() const {
  std::vector<std::string> addresses;
  for (const WanListener& listener : listeners_) {
    addresses.push_back(listener.address());
  }
  return addresses;
}

Result<std::unique_ptr<InboundPath>> LanesListener::accept(
    const PathToken& token, const WanOptions& options) {
  CAUSEWAY_ASSERT(options.streams >= 1 && options.streams <= kStreamsMax);
  auto path = std::make_unique<InboundLanes>(
      std::move(lanes_), std::move(listeners_), token, options);
  CAUSEWAY_TRY(path->await_first(options.timeout));
  return std::unique_ptr<InboundPath>(std::move(path));
}

}  // namespace causeway
