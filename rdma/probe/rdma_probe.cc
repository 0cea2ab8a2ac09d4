#include "rdma/probe/rdma_probe.h"

#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <optional>
#include <vector>

#include "rdma/devices/device_list.h"
#include "rdma/rdma_handshake.h"

namespace causeway {
namespace {

constexpr size_t kPieceBytes = kRdmaExtentBytesMax;
constexpr size_t kPiecesMax = 16;
constexpr uint32_t kShortBytes = 4096;
// Of each latency: enough for a middle one; a slow line ends them earlier.
constexpr size_t kSamplesMax = 500;
constexpr double kLatencyShare = 0.1;  // of the time, each of both
constexpr uint32_t kWriteBytes = 64u << 10;
constexpr uint32_t kMessageWrites = kRdmaMessageWriteBytes / kWriteBytes;
static_assert(kMessageWrites <= kRdmaMessageWritesMax);
static_assert(kWriteBytes <= kPutBytesMax, "a ring has room for one");
// In one step; nobody else has a turn meanwhile.
constexpr int kPollsMax = 20'000;

// Memory that nobody has touched, and its registration.
class FreshPiece {
 public:
  static Result<FreshPiece> registered(RdmaEndpoint& endpoint) {
    FreshPiece piece;
    void* const memory = ::mmap(nullptr, kPieceBytes, PROT_READ | PROT_WRITE,
                                MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) return errno_error(errno, "mmap");
    piece.memory_.reset(static_cast<std::byte*>(memory));
    CAUSEWAY_ASSIGN(piece.key_,
                    endpoint.register_memory({piece.memory_.get(), kPieceBytes},
                                             IBV_ACCESS_LOCAL_WRITE));
    return piece;
  }

 private:
  struct Unmap {
    void operator()(std::byte* memory) const { ::munmap(memory, kPieceBytes); }
  };
  std::unique_ptr<std::byte, Unmap> memory_;
  MemoryRegion key_;
};

// Of each sample, one after the other: a step's own time is small beside
// theirs.
constexpr uint64_t kSampleTrips = 8;

// A sample is begun in one step and complete in it or in a later one, and the
// next step's `now` is when it was.
class LatencyMeter {
 public:
  void begin(Instant now) { began_ = now; }
  void end(Instant now) { samples_.push_back((now - began_) / kSampleTrips); }
  bool enough(Duration passed, Duration most) const {
    return samples_.size() >= kSamplesMax ||
           (!samples_.empty() && passed >= most);
  }
  RdmaProbeFigures::Latency latency() {
    if (samples_.empty()) return {};
    const auto middle =
        samples_.begin() + static_cast<std::ptrdiff_t>(samples_.size() / 2);
    std::nth_element(samples_.begin(), middle, samples_.end());
    return {*middle, *std::min_element(samples_.begin(), samples_.end())};
  }

 private:
  Instant began_{};
  std::vector<Duration> samples_;
};

class Source final : public RdmaProbeSource {
 public:
  Source(RdmaHandshake agreed, uint64_t pinned_bytes_max, Duration time,
         uint64_t bytes_max)
      : control_(std::move(agreed.streams.front())),
        endpoint_(std::move(agreed.workers.front().endpoint)),
        ring_(std::move(agreed.workers.front().ring)),
        welcome_(agreed.workers.front().welcome),
        pieces_max_(
            std::clamp<size_t>(pinned_bytes_max / kPieceBytes, 1, kPiecesMax)),
        time_(time),
        bytes_max_(bytes_max),
        messages_max_(
            std::min(endpoint_->depths().messages, welcome_.messages)),
        writes_(std::min(kMessageWrites,
                         endpoint_->depths().requests / messages_max_ - 1)) {}

  void look_at_port();

  Instant step(Instant now) override;
  void wait_on(WaitSet& set) const override { endpoint_->wait_on(set); }
  bool done() const override {
    return phase_ == Phase::kDone || trouble_.has_value();
  }

  RdmaProbeFigures figures() const override { return figures_; }
  bool flows() const override { return phase_ == Phase::kFlow; }
  void cancel() override {
    trouble_ = make_error(ErrorCode::kCancelled, "the probe was cancelled");
  }
  const Error* trouble() const override {
    return trouble_ ? &*trouble_ : nullptr;
  }

 private:
  enum class Phase : uint8_t { kRegister, kRead, kWrite, kFlow, kDone };

  Result<Instant> advance(Instant now);
  Result<Instant> register_one(Instant now);
  Result<Instant> measure_one(Instant now);
  Status post_one();
  Result<Instant> flow(Instant now);
  Status post_message();
  Result<bool> take_completion();
  Status check_silence(Instant now);
  void enter(Phase phase, Instant now) {
    phase_ = phase;
    entered_ = now;
  }

  TcpStream control_;  // says nothing; its end tells the target
  std::unique_ptr<RdmaEndpoint> endpoint_;
  StagingRing ring_;
  const RdmaWelcome welcome_;
  const size_t pieces_max_;  // within what this host may pin for a move
  const Duration time_;
  const uint64_t bytes_max_;
  const uint32_t messages_max_;
  const uint32_t writes_;  // of a message

  Phase phase_ = Phase::kRegister;
  std::optional<Instant> entered_;  // that phase
  std::vector<FreshPiece> pieces_;
  LatencyMeter meter_;
  std::array<RdmaWrite, kMessageWrites> burst_;
  uint64_t posted_ = 0;  // messages or READs of this phase
  uint64_t completed_ = 0;
  uint64_t counted_ = 0;  // of completed_, in the figures
  Instant moved_at_{};
  RdmaProbeFigures figures_;
  std::optional<Error> trouble_;
};

void Source::look_at_port() {
  const std::string name = endpoint_->device();
  for (const VerbsDevice& device : list_verbs_devices({})) {
    if (device.name != name) continue;
    for (const VerbsPort& port : device.ports) {
      if (port.number != endpoint_->id()->port_num) continue;
      figures_.port_bits_s = port.rate_bits_s;
      figures_.mtu_bytes = port.mtu_bytes;
      figures_.mtu_bytes_max = port.mtu_bytes_max;
    }
  }
}

Instant Source::step(Instant now) {
  auto next = advance(now);
  if (next) return *next;
  trouble_ = std::move(next).error();
  return kNever;
}

Result<Instant> Source::advance(Instant now) {
  if (!entered_) entered_ = moved_at_ = now;
  switch (phase_) {
    case Phase::kRegister:
      return register_one(now);
    case Phase::kRead:
    case Phase::kWrite:
      return measure_one(now);
    case Phase::kFlow:
      return flow(now);
    case Phase::kDone:
      break;
  }
  return kNever;
}

Result<Instant> Source::register_one(Instant now) {
  if (pieces_.size() < pieces_max_) {
    CAUSEWAY_ASSIGN(FreshPiece piece, FreshPiece::registered(*endpoint_));
    pieces_.push_back(std::move(piece));
    return now;
  }
  figures_.registration_bytes_s =
      static_cast<double>(pieces_max_ * kPieceBytes) /
      std::max(seconds(now - *entered_), 1e-9);
  pieces_.clear();
  enter(Phase::kRead, now);
  return now;
}

Status Source::post_one() {
  ++posted_;
  if (phase_ == Phase::kRead) {
    return endpoint_->read({welcome_.staging_address, welcome_.staging_key,
                            ring_.address(), ring_.local_key(), kShortBytes},
                           0);
  }
  const RdmaWrite one{ring_.address(), ring_.local_key(),
                      welcome_.staging_address, welcome_.staging_key,
                      kShortBytes};
  return endpoint_->post(std::span(&one, 1), 0, 1);
}

Result<Instant> Source::measure_one(Instant now) {
  if (posted_ == completed_) {
    if (posted_ > 0) meter_.end(now);
    if (meter_.enough(now - *entered_, std::chrono::duration_cast<Duration>(
                                           kLatencyShare * time_))) {
      const bool reads = phase_ == Phase::kRead;
      (reads ? figures_.read : figures_.write) = meter_.latency();
      meter_ = {};
      posted_ = completed_ = 0;
      enter(reads ? Phase::kWrite : Phase::kFlow, now);
      return now;
    }
    meter_.begin(now);
    moved_at_ = now;
    CAUSEWAY_TRY(post_one());
  }
  for (int i = 0; i < kPollsMax; ++i) {
    CAUSEWAY_ASSIGN(const bool moved, take_completion());
    if (!moved) continue;
    moved_at_ = now;
    if (completed_ % kSampleTrips == 0) return now;
    CAUSEWAY_TRY(post_one());
  }
  CAUSEWAY_TRY(check_silence(now));
  return now;
}

Result<bool> Source::take_completion() {
  RdmaCompletion one;
  CAUSEWAY_ASSIGN(const size_t found, endpoint_->poll(std::span(&one, 1)));
  if (found == 0) return false;
  if (one.kind == RdmaCompletion::Kind::kReceived) {
    return make_error(ErrorCode::kPeerBroken, "{} sent a probe a message",
                      endpoint_->peer());
  }
  ++completed_;
  return true;
}

Status Source::check_silence(Instant now) {
  if (now - moved_at_ < kRdmaSilenceMax) return {};
  return make_error(ErrorCode::kConnectionLost,
                    "nothing was heard of {} by RDMA for {} s",
                    endpoint_->peer(), seconds(kRdmaSilenceMax));
}

Status Source::post_message() {
  const uint32_t slots = ring_.bytes() / kWriteBytes;
  for (uint32_t i = 0; i < writes_; ++i) {
    const uint64_t at = uint64_t{i % slots} * kWriteBytes;
    burst_[i] = {ring_.address() + at, ring_.local_key(),
                 welcome_.staging_address + at, welcome_.staging_key,
                 kWriteBytes};
  }
  const auto buffer = static_cast<uint32_t>(posted_ % messages_max_);
  ++posted_;
  return endpoint_->post(std::span(burst_).first(writes_), buffer, 1);
}

Result<Instant> Source::flow(Instant now) {
  const uint64_t message_bytes = uint64_t{writes_} * kWriteBytes;
  const Instant ends = *entered_ + time_;
  const bool more = now < ends && posted_ * message_bytes < bytes_max_;
  while (more && posted_ - completed_ < messages_max_) {
    CAUSEWAY_TRY(post_message());
  }
  for (;;) {
    CAUSEWAY_ASSIGN(const bool moved, take_completion());
    if (!moved) break;
  }
  if (completed_ > counted_) {
    counted_ = completed_;
    figures_.bytes = completed_ * message_bytes;
    figures_.time = now - *entered_;
    figures_.bytes_s = static_cast<double>(figures_.bytes) /
                       std::max(seconds(figures_.time), 1e-9);
    moved_at_ = now;
    return now;
  }
  CAUSEWAY_TRY(check_silence(now));
  if (!more && completed_ == posted_) {
    phase_ = Phase::kDone;
    return kNever;
  }
  CAUSEWAY_TRY(endpoint_->arm(/*sent_too=*/true));
  CAUSEWAY_ASSIGN(const bool late, take_completion());
  if (late) return now;
  return std::min(moved_at_ + kRdmaSilenceMax,
                  more ? ends : moved_at_ + kRdmaSilenceMax);
}

}  // namespace

Result<std::unique_ptr<RdmaProbeSource>> RdmaProbeSource::connect(
    std::string_view address, const PathToken& token,
    const RdmaOptions& options, Duration time, uint64_t bytes_max) {
  CAUSEWAY_ASSERT(options.streams == 1 && options.required);
  RdmaOptions readable = options;
  readable.staging_readable = true;
  CAUSEWAY_ASSIGN(RdmaHandshake agreed,
                  shake_hands_with_target(address, token, readable));
  auto source = std::make_unique<Source>(
      std::move(agreed), options.pinned_bytes_max, time, bytes_max);
  source->look_at_port();
  return std::unique_ptr<RdmaProbeSource>(std::move(source));
}

}  // namespace causeway
