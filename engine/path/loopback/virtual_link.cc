#include "engine/path/loopback/virtual_link.h"

#include <algorithm>
#include <cstring>
#include <deque>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "engine/base/assert.h"
#include "engine/base/limits.h"

namespace causeway {
namespace {

constexpr size_t kHeadBytes = 40;  // what a head costs on the tcp path
constexpr size_t kMessageHeadBytes = 8;
constexpr uint32_t kPutsInFlightMax = 128;  // as on the tcp path

// One direction: bytes depart one after the other.
struct Line {
  double rate_bytes_s = 0;
  Instant busy_until{};

  Instant depart(Instant now, size_t bytes) {
    busy_until = std::max(now, busy_until) + transfer_time(bytes, rate_bytes_s);
    return busy_until;
  }
};

struct Frame {
  bool is_fence = false;
  FenceId fence = 0;
  PutHead head;
  std::vector<std::byte> payload;
  Instant arrives{};
};

struct Departure {
  Instant at{};
  size_t bytes = 0;
  bool is_put = false;
};

struct Ack {
  Instant arrives{};
  FenceId fence = 0;
};

// A bulk channel: both ends and what is between them.
struct Bulk {
  std::deque<Departure> departures;  // posted, not yet seen to have departed
  size_t queued_bytes = 0;           // sum of `departures`
  uint32_t queued_puts = 0;
  std::deque<Frame> frames;  // posted, not yet landed
  std::deque<Ack> acks;
  ChannelProgress progress;
  std::optional<Instant> sender_gone;  // when the receiver learns it
  bool receiver_gone = false;
};

struct Message {
  Instant arrives{};
  std::vector<std::byte> bytes;
};

// Control messages of one direction.
struct MessageQueue {
  std::deque<Message> messages;
  size_t bytes = 0;
  std::optional<Instant> sender_gone;
};

Error lost_error() {
  return make_error(ErrorCode::kConnectionLost,
                    "The virtual link to the peer was cut.");
}

Error closed_error() {
  return make_error(ErrorCode::kConnectionLost,
                    "The peer closed the virtual link's channel.");
}

}  // namespace

struct VirtualLink::State {
  VirtualLinkOptions options;
  Instant now{};
  bool is_cut = false;
  bool is_held = false;
  Line forward;
  Line backward;
  std::map<uint32_t, Bulk> bulk;  // by worker; nodes never move
  MessageQueue to_target;
  MessageQueue to_source;
  Tamper tamper;

  void advance(Instant to) { now = std::max(now, to); }
  bool due(Instant at) const { return !is_held && at <= now; }
  // When what is due at `at` happens, if nothing else does.
  Instant wake(Instant at) const { return is_held ? kNever : at; }
};

namespace {

using State = VirtualLink::State;

class LoopbackBulkChannel final : public BulkChannel {
 public:
  LoopbackBulkChannel(State& link, Bulk& bulk) : link_(link), bulk_(bulk) {}
  ~LoopbackBulkChannel() override {
    const Instant last =
        bulk_.frames.empty() ? link_.now : bulk_.frames.back().arrives;
    bulk_.sender_gone = std::max(last, link_.now + link_.options.one_way_delay);
  }

  Result<size_t> post(std::span<const Put> puts) override {
    CAUSEWAY_TRY(alive());
    size_t taken = 0;
    while (taken < puts.size() &&
           has_room(kHeadBytes + puts[taken].payload.size())) {
      enqueue(puts[taken++]);
    }
    return taken;
  }

  Result<bool> post_fence(FenceId fence) override {
    CAUSEWAY_TRY(alive());
    if (!has_room(kHeadBytes)) return false;
    Frame frame;
    frame.is_fence = true;
    frame.fence = fence;
    send(std::move(frame));
    return true;
  }

  Result<ChannelProgress> poll(Instant now) override {
    link_.advance(now);
    CAUSEWAY_TRY(alive());
    auto& departures = bulk_.departures;
    while (!departures.empty() && link_.due(departures.front().at)) {
      bulk_.queued_bytes -= departures.front().bytes;
      bulk_.progress.wire_bytes += departures.front().bytes;
      if (departures.front().is_put) {
        ++bulk_.progress.puts_released;
        --bulk_.queued_puts;
      }
      departures.pop_front();
    }
    while (!bulk_.acks.empty() && link_.due(bulk_.acks.front().arrives)) {
      bulk_.progress.fence_landed = bulk_.acks.front().fence;
      bulk_.acks.pop_front();
    }
    return bulk_.progress;
  }

  ChannelLimits limits() const override {
    return {kPutBytesMax, kPutsInFlightMax};
  }

  void set_urgent(bool) override {}  // nothing is lost

  Instant wait_on(WaitSet&) const override {
    if (!alive()) return link_.now;
    Instant next = kNever;
    if (!bulk_.departures.empty()) next = bulk_.departures.front().at;
    if (!bulk_.acks.empty()) next = std::min(next, bulk_.acks.front().arrives);
    return link_.wake(next);
  }

 private:
  Status alive() const {
    if (link_.is_cut) return lost_error();
    if (bulk_.receiver_gone) return closed_error();
    return {};
  }

  bool has_room(size_t bytes) const {
    if (bulk_.departures.empty()) return true;
    return bulk_.queued_puts < kPutsInFlightMax &&
           bulk_.queued_bytes + bytes <= link_.options.queue_bytes;
  }

  void enqueue(const Put& put) {
    CAUSEWAY_ASSERT(put.head.payload_bytes == put.payload.size());
    CAUSEWAY_ASSERT(put.payload.size() <= kPutBytesMax);
    Frame frame;
    frame.head = put.head;
    frame.payload.assign(put.payload.begin(), put.payload.end());
    if (link_.tamper) link_.tamper(frame.head, frame.payload);
    send(std::move(frame));
  }

  void send(Frame frame) {
    const size_t bytes = kHeadBytes + frame.payload.size();
    const Instant departs = link_.forward.depart(link_.now, bytes);
    frame.arrives = departs + link_.options.one_way_delay;
    bulk_.departures.push_back({departs, bytes, !frame.is_fence});
    bulk_.queued_bytes += bytes;
    if (!frame.is_fence) ++bulk_.queued_puts;
    bulk_.frames.push_back(std::move(frame));
  }

  State& link_;
  Bulk& bulk_;
};

class LoopbackBulkReceiver final : public BulkReceiver {
 public:
  LoopbackBulkReceiver(State& link, Bulk& bulk, PutSink& sink)
      : link_(link), bulk_(bulk), sink_(sink) {}
  ~LoopbackBulkReceiver() override { bulk_.receiver_gone = true; }

  Result<bool> poll(Instant now) override {
    link_.advance(now);
    if (link_.is_cut) return lost_error();
    if (bulk_.receiver_gone) return closed_error();
    bool moved = false;
    while (!bulk_.frames.empty() && link_.due(bulk_.frames.front().arrives)) {
      if (Status status = take(bulk_.frames.front()); !status) {
        bulk_.receiver_gone = true;
        return std::move(status).error();
      }
      bulk_.frames.pop_front();
      moved = true;
    }
    if (bulk_.frames.empty() && bulk_.sender_gone &&
        link_.due(*bulk_.sender_gone)) {
      closed_ = true;
    }
    return moved;
  }

  bool closed() const override { return closed_; }
  uint64_t wire_bytes() const override { return wire_bytes_; }
  Status withdraw() override { return {}; }
  FenceId fence_landed() const override { return fence_landed_; }

  Instant wait_on(WaitSet&) const override {
    if (closed_) return kNever;
    if (link_.is_cut) return link_.now;
    if (!bulk_.frames.empty()) return link_.wake(bulk_.frames.front().arrives);
    return link_.wake(bulk_.sender_gone.value_or(kNever));
  }

 private:
  Status take(const Frame& frame) {
    wire_bytes_ += kHeadBytes + frame.payload.size();
    if (frame.is_fence) {
      fence_landed_ = frame.fence;
      const Instant departs = link_.backward.depart(link_.now, kHeadBytes);
      bulk_.acks.push_back(
          {departs + link_.options.one_way_delay, frame.fence});
      return {};
    }
    CAUSEWAY_ASSIGN(const std::span<std::byte> place, sink_.begin(frame.head));
    CAUSEWAY_ASSERT(place.size() == frame.head.payload_bytes);
    if (place.size() != frame.payload.size()) {
      return make_error(ErrorCode::kPeerBroken,
                        "A put's head says {} bytes of payload, {} came.",
                        place.size(), frame.payload.size());
    }
    if (!place.empty()) {
      std::memcpy(place.data(), frame.payload.data(), place.size());
    }
    return sink_.end(frame.head);
  }

  State& link_;
  Bulk& bulk_;
  PutSink& sink_;
  uint64_t wire_bytes_ = 0;
  FenceId fence_landed_ = 0;
  bool closed_ = false;
};

class LoopbackControlChannel final : public ControlChannel {
 public:
  LoopbackControlChannel(State& link, Line& line, MessageQueue& outgoing,
                         MessageQueue& incoming)
      : link_(link), line_(line), outgoing_(outgoing), incoming_(incoming) {}
  ~LoopbackControlChannel() override {
    const Instant last = outgoing_.messages.empty()
                             ? link_.now
                             : outgoing_.messages.back().arrives;
    outgoing_.sender_gone =
        std::max(last, link_.now + link_.options.one_way_delay);
  }

  Status send(std::span<const std::byte> message) override {
    if (link_.is_cut) return lost_error();
    if (message.size() > kControlMessageBytesMax) {
      return make_error(ErrorCode::kInvalidArgument,
                        "A control message of {} bytes is longer than {}.",
                        message.size(), kControlMessageBytesMax);
    }
    const size_t bytes = kMessageHeadBytes + message.size();
    if (outgoing_.bytes + bytes > kControlQueueBytesMax) {
      return make_error(ErrorCode::kTimeout,
                        "The peer does not read its control messages: {} "
                        "bytes wait for it.",
                        outgoing_.bytes);
    }
    outgoing_.bytes += bytes;
    outgoing_.messages.push_back(
        {line_.depart(link_.now, bytes) + link_.options.one_way_delay,
         {message.begin(), message.end()}});
    return {};
  }

  Result<std::optional<std::vector<std::byte>>> receive(Instant now) override {
    link_.advance(now);
    if (link_.is_cut) return lost_error();
    auto& messages = incoming_.messages;
    if (messages.empty() || !link_.due(messages.front().arrives)) {
      if (messages.empty() && incoming_.sender_gone &&
          link_.due(*incoming_.sender_gone)) {
        return closed_error();
      }
      return std::optional<std::vector<std::byte>>();
    }
    std::optional<std::vector<std::byte>> message =
        std::move(messages.front().bytes);
    incoming_.bytes -= kMessageHeadBytes + message->size();
    messages.pop_front();
    return message;
  }

  bool may_close() const override { return true; }
  void set_urgent(bool) override {}  // nothing is lost

  Instant wait_on(WaitSet&) const override {
    if (link_.is_cut) return link_.now;
    if (!incoming_.messages.empty()) {
      return link_.wake(incoming_.messages.front().arrives);
    }
    return link_.wake(incoming_.sender_gone.value_or(kNever));
  }

 private:
  State& link_;
  Line& line_;
  MessageQueue& outgoing_;
  MessageQueue& incoming_;
};

class LoopbackOutbound final : public OutboundPath {
 public:
  explicit LoopbackOutbound(State& link) : link_(link) {}
  std::string name() const override { return "loopback"; }

  Result<std::unique_ptr<ControlChannel>> open_control() override {
    if (link_.is_cut) return lost_error();
    return std::unique_ptr<ControlChannel>(
        std::make_unique<LoopbackControlChannel>(
            link_, link_.forward, link_.to_target, link_.to_source));
  }

  Result<std::unique_ptr<BulkChannel>> open_bulk(uint32_t worker) override {
    if (link_.is_cut) return lost_error();
    return std::unique_ptr<BulkChannel>(
        std::make_unique<LoopbackBulkChannel>(link_, link_.bulk[worker]));
  }

  PathStats stats() const override {
    return {2 * link_.options.one_way_delay, link_.options.rate_bytes_s};
  }

 private:
  State& link_;
};

class LoopbackInbound final : public InboundPath {
 public:
  explicit LoopbackInbound(State& link) : link_(link) {}

  Result<std::unique_ptr<ControlChannel>> accept_control() override {
    if (link_.is_cut) return lost_error();
    return std::unique_ptr<ControlChannel>(
        std::make_unique<LoopbackControlChannel>(
            link_, link_.backward, link_.to_source, link_.to_target));
  }

  Result<std::unique_ptr<BulkReceiver>> accept_bulk(uint32_t worker,
                                                    PutSink& sink) override {
    if (link_.is_cut) return lost_error();
    return std::unique_ptr<BulkReceiver>(std::make_unique<LoopbackBulkReceiver>(
        link_, link_.bulk[worker], sink));
  }

 private:
  State& link_;
};

}  // namespace

VirtualLink::VirtualLink(const VirtualLinkOptions& options)
    : state_(std::make_unique<State>()) {
  CAUSEWAY_ASSERT(options.rate_bytes_s > 0);
  CAUSEWAY_ASSERT(options.one_way_delay >= Duration(0));
  state_->options = options;
  state_->forward.rate_bytes_s = options.rate_bytes_s;
  state_->backward.rate_bytes_s = options.rate_bytes_s;
}

VirtualLink::~VirtualLink() = default;

std::unique_ptr<OutboundPath> VirtualLink::outbound() {
  return std::make_unique<LoopbackOutbound>(*state_);
}

std::unique_ptr<InboundPath> VirtualLink::inbound() {
  return std::make_unique<LoopbackInbound>(*state_);
}

void VirtualLink::advance(Instant now) { state_->advance(now); }

void VirtualLink::cut() { state_->is_cut = true; }

void VirtualLink::set_rate(double rate_bytes_s) {
  CAUSEWAY_ASSERT(rate_bytes_s > 0);
  state_->forward.rate_bytes_s = rate_bytes_s;
  state_->backward.rate_bytes_s = rate_bytes_s;
}

void VirtualLink::hold(bool held) { state_->is_held = held; }

void VirtualLink::set_tamper(Tamper tamper) {
  state_->tamper = std::move(tamper);
}

}  // namespace causeway
