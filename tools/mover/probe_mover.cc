#include "tools/mover/probe_mover.h"

#include <algorithm>
#include <random>

#include "engine/base/limits.h"
#include "engine/policy/settled_loss.h"
#include "engine/runtime/clock.h"
#include "engine/runtime/driver.h"
#include "tools/mover/limits.h"
#include "tools/mover/mover_events.h"
#include "tools/mover/mover_path.h"
#include "tools/mover/rdma_probe_mover.h"

namespace causeway {
namespace {

// A put, with a fence behind it: what has landed is known to so much.
constexpr uint32_t kPutBlocks = 16;
constexpr size_t kPutBytes = kPutBlocks * kBlockBytes;
// Nothing is counted before this part of the time: congestion control starts
// slowly.
constexpr double kWarmUpShare = 0.4;
// What may be under way: a second's worth, and enough to begin with. A path
// that closes waits for it.
constexpr uint64_t kUnderWayBytesMin = 4u << 20;

Error cancelled() {
  return make_error(ErrorCode::kCancelled, "the probe was cancelled");
}

int failed(const Error& error) {
  write_event(failed_event(error, GuestPlace::kSource));
  return 1;
}

// Sends on all streams until the time or the bytes are used up.
class ProbeSender final : public Stepper {
 public:
  ProbeSender(const MoverSpec& spec, OutboundPath& path)
      : spec_(spec), path_(path), bytes_(kPutBytes) {
    std::mt19937_64 random(std::random_device{}());
    for (std::byte& each : bytes_) each = static_cast<std::byte>(random());
  }

  Status open();
  void cancel() { trouble_ = cancelled(); }
  const std::optional<Error>& trouble() const { return trouble_; }
  nlohmann::json result() const;

  Instant step(Instant now) override;
  void wait_on(WaitSet& set) const override {
    for (const Stream& stream : streams_) stream.channel->wait_on(set);
  }
  bool done() const override { return ended_ || trouble_.has_value(); }

 private:
  struct Stream {
    std::unique_ptr<BulkChannel> channel;
    uint64_t posted = 0;  // puts
    uint64_t fenced = 0;  // of those, with a fence behind them
    uint64_t landed = 0;
  };
  Result<Instant> advance(Instant now);
  Status feed(Stream& stream);
  void look(Instant now);
  uint64_t under_way_max() const;

  const MoverSpec& spec_;
  OutboundPath& path_;
  std::vector<std::byte> bytes_;
  std::vector<Stream> streams_;
  std::unique_ptr<ControlChannel> control_;
  std::optional<Instant> began_;
  std::optional<Instant> counted_from_;
  Instant landed_at_{};
  uint64_t posted_bytes_ = 0;
  uint64_t landed_bytes_ = 0;
  uint64_t landed_before_ = 0;  // counting began
  Duration rtt_{0};             // the least
  SettledLoss loss_;
  bool ended_ = false;
  std::optional<Error> trouble_;
};

Status ProbeSender::open() {
  CAUSEWAY_ASSIGN(control_, path_.open_control());
  for (uint32_t i = 0; i < spec_.streams; ++i) {
    CAUSEWAY_ASSIGN(auto channel, path_.open_bulk(i));
    streams_.push_back({std::move(channel)});
  }
  rtt_ = path_.stats().rtt;
  return {};
}

Instant ProbeSender::step(Instant now) {
  auto next = advance(now);
  if (next) return *next;
  trouble_ = std::move(next).error();
  return kNever;
}

uint64_t ProbeSender::under_way_max() const {
  const double rate = path_.stats().delivered_bytes_s;
  return std::max(kUnderWayBytesMin, static_cast<uint64_t>(rate));
}

Status ProbeSender::feed(Stream& stream) {
  const uint64_t most = under_way_max();
  for (;;) {
    if (stream.fenced < stream.posted) {
      CAUSEWAY_ASSIGN(const bool posted,
                      stream.channel->post_fence(stream.posted));
      if (!posted) return {};
      stream.fenced = stream.posted;
    }
    if (posted_bytes_ >= spec_.probe_bytes ||
        posted_bytes_ - landed_bytes_ >= most) {
      return {};
    }
    Put put;
    put.head.version = 1;
    put.head.blocks = kPutBlocks;
    put.head.payload_bytes = kPutBytes;
    put.payload = bytes_;
    CAUSEWAY_ASSIGN(const size_t taken,
                    stream.channel->post(std::span(&put, 1)));
    if (taken == 0) return {};
    ++stream.posted;
    posted_bytes_ += kPutBytes;
  }
}

void ProbeSender::look(Instant now) {
  uint64_t landed = 0;
  for (const Stream& stream : streams_) landed += stream.landed * kPutBytes;
  if (landed > landed_bytes_) landed_at_ = now;
  landed_bytes_ = landed;
  const PathStats stats = path_.stats();
  const Duration rtt = stats.rtt;
  loss_.see({rtt, stats.packets, stats.packets_lost}, now);
  if (rtt > Duration(0) && (rtt_ == Duration(0) || rtt < rtt_)) rtt_ = rtt;
  const auto warm_up =
      std::chrono::duration_cast<Duration>(kWarmUpShare * spec_.probe_time);
  if (!counted_from_ && landed > 0 && now >= *began_ + warm_up) {
    counted_from_ = now;
    landed_before_ = landed;
  }
}

Result<Instant> ProbeSender::advance(Instant now) {
  if (!began_) began_ = now;
  const Instant ends = *began_ + spec_.probe_time;
  for (Stream& stream : streams_) {
    CAUSEWAY_TRY(feed(stream));
    CAUSEWAY_ASSIGN(const ChannelProgress progress, stream.channel->poll(now));
    stream.landed = progress.fence_landed;
  }
  look(now);
  const bool all =
      posted_bytes_ >= spec_.probe_bytes && landed_bytes_ >= posted_bytes_;
  if (now >= ends || all) {
    ended_ = true;
    return kNever;
  }
  WaitSet unused;
  Instant next = ends;
  for (const Stream& stream : streams_) {
    next = std::min(next, stream.channel->wait_on(unused));
  }
  return next;
}

nlohmann::json ProbeSender::result() const {
  // All went before counting began: the whole time counts.
  const Instant from = counted_from_.value_or(*began_);
  const uint64_t before = counted_from_ ? landed_before_ : 0;
  const double took_s = seconds(landed_at_ - from);
  const bool whole = !counted_from_ || landed_bytes_ == landed_before_;
  const double rate =
      whole ? static_cast<double>(landed_bytes_) /
                  std::max(seconds(landed_at_ - *began_), 1e-6)
            : static_cast<double>(landed_bytes_ - before) / took_s;
  return {{"path", path_.name()},
          {"rtt_ms", milliseconds(rtt_)},
          {"bytes_s", landed_bytes_ > 0 ? rate : 0.0},
          {"loss", loss_.packets() > 0 ? loss_.share() : path_.stats().loss},
          {"packets", loss_.packets()},
          {"bytes", landed_bytes_},
          {"seconds", seconds(landed_at_ - *began_)}};
}

// Takes what comes and throws it away.
class ProbeSink final : public PutSink {
 public:
  Result<std::span<std::byte>> begin(const PutHead& head) override {
    if (head.payload_bytes > scratch_.size()) {
      return make_error(ErrorCode::kPeerBroken,
                        "a put of {} bytes is longer than {}",
                        head.payload_bytes, scratch_.size());
    }
    return std::span(scratch_).first(head.payload_bytes);
  }
  Status end(const PutHead&) override { return {}; }
  Status written(const PutHead&) override { return {}; }

 private:
  std::vector<std::byte> scratch_ = std::vector<std::byte>(kPutBytesMax);
};

class ProbeReceiver final : public Stepper {
 public:
  explicit ProbeReceiver(Instant ends) : ends_(ends) {}

  Status open(InboundPath& path, uint16_t streams) {
    CAUSEWAY_ASSIGN(control_, path.accept_control());
    for (uint32_t i = 0; i < streams; ++i) {
      CAUSEWAY_ASSIGN(auto receiver, path.accept_bulk(i, sink_));
      receivers_.push_back(std::move(receiver));
    }
    return {};
  }
  void cancel() { ended_ = true; }

  // However the source goes, the probe has ended.
  Instant step(Instant now) override {
    bool open = false;
    bool moved = false;
    WaitSet unused;
    Instant next = ends_;
    for (const auto& receiver : receivers_) {
      const auto polled = receiver->poll(now);
      if (!polled) continue;
      moved |= *polled;
      open |= !receiver->closed();
      next = std::min(next, receiver->wait_on(unused));
    }
    if (!open || now >= ends_) ended_ = true;
    return moved ? now : next;
  }
  void wait_on(WaitSet& set) const override {
    for (const auto& receiver : receivers_) receiver->wait_on(set);
  }
  bool done() const override { return ended_; }

 private:
  Instant ends_;
  ProbeSink sink_;
  std::unique_ptr<ControlChannel> control_;
  std::vector<std::unique_ptr<BulkReceiver>> receivers_;
  bool ended_ = false;
};

}  // namespace

int run_probe_source(const MoverSpec& spec, CommandReader& commands) {
  if (spec.path == PathKind::kRdma)
    return run_rdma_probe_source(spec, commands);
  auto path = connect_path(spec, {nullptr, nullptr, spec.probe_bytes});
  if (!path) return failed(path.error());
  ProbeSender sender(spec, *path->path);
  if (Status opened = sender.open(); !opened) return failed(opened.error());
  commands.on_cancel([&] { sender.cancel(); });
  Driver driver;
  driver.add(commands);
  driver.add(sender);
  driver.run(&sender);
  commands.on_cancel(nullptr);
  if (sender.trouble()) return failed(*sender.trouble());
  write_event(done_event(sender.result()));
  return 0;
}

int run_probe_target(const MoverSpec& spec, CommandReader& commands) {
  if (spec.path == PathKind::kRdma)
    return run_rdma_probe_target(spec, commands);
  auto listener = MoverListener::listen(spec);
  if (!listener) return failed(listener.error());
  write_event(listening_event(listener->address(), {}));
  auto path = listener->accept(spec, {}, kProbeSourceComesMax);
  if (!path) return failed(path.error());
  ProbeReceiver receiver(monotonic_now() + spec.probe_time + kProbeAroundMax);
  if (Status opened = receiver.open(**path, spec.streams); !opened) {
    return failed(opened.error());
  }
  commands.on_cancel([&] { receiver.cancel(); });
  Driver driver;
  driver.add(commands);
  driver.add(receiver);
  driver.run(&receiver);
  commands.on_cancel(nullptr);
  write_event(done_event(nlohmann::json::object()));
  return 0;
}

}  // namespace causeway
