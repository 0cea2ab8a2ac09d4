#include "dpdk-wan/link/wan_link.h"

#include <poll.h>

#include <algorithm>
#include <array>

#include "engine/base/assert.h"

namespace causeway {
namespace {

// The farewell is not repeated when it is lost, but sent so often.
constexpr int kFarewells = 3;

WanLinkOptions completed(WanLinkOptions options) {
  CAUSEWAY_ASSERT(options.streams >= 1 && options.streams <= kStreamsMax);
  options.quic.streams = static_cast<uint16_t>(2 + options.streams);
  const size_t bulk =
      options.source ? kWanAnswerRingBytes
                     : wan_bulk_ring_bytes(options.streams * options.lanes);
  options.quic.window_bytes =
      kWanControlRingBytes + options.streams * bulk + kWanRecordRingBytes;
  return options;
}

// Of all streams, in their order.
std::vector<std::unique_ptr<WanStreamRings>> make_rings(
    const WanLinkOptions& options) {
  std::vector<std::unique_ptr<WanStreamRings>> rings;
  const auto add = [&](size_t out_bytes, size_t in_bytes) {
    rings.push_back(std::make_unique<WanStreamRings>(out_bytes, in_bytes));
  };
  const size_t large = wan_bulk_ring_bytes(options.streams * options.lanes);
  add(kWanControlRingBytes, kWanControlRingBytes);
  for (uint16_t i = 0; i < options.streams; ++i) {
    options.source ? add(large, kWanAnswerRingBytes)
                   : add(kWanAnswerRingBytes, large);
  }
  add(kWanRecordRingBytes, kWanRecordRingBytes);
  return rings;
}

}  // namespace

WanLink::WanLink(std::unique_ptr<PacketIo> io, QuicCredentials credentials,
                 const WanLinkOptions& options)
    : io_(std::move(io)),
      credentials_(std::move(credentials)),
      options_(completed(options)),
      reception_(*io_, credentials_, options_.quic),
      rings_(make_rings(options)),
      lanes_(options_.quic.streams),
      symbols_(rings_) {
  CAUSEWAY_ASSERT(rings_.size() == lanes_.size());
}

WanLink::~WanLink() = default;

Status WanLink::connect(const SocketAddress& remote, Instant now) {
  CAUSEWAY_ASSIGN(connection_,
                  QuicConnection::connect(credentials_, io_->local(), remote,
                                          options_.quic, *this, now));
  symbols_.attach(*connection_);
  return {};
}

void WanLink::listen(const PathToken& token) { reception_.expect(token); }

std::unique_ptr<ByteStream> WanLink::take_stream(uint16_t stream,
                                                 const std::string& peer) {
  CAUSEWAY_ASSERT(stream < rings_.size());
  return std::make_unique<WanStream>(*rings_[stream], bell_, end_, peer);
}

void WanLink::close() {
  closing_.store(true);
  bell_.ring();
}

PathStats WanLink::stats() const {
  return {
      Duration(rtt_ns_.load()),
      delivered_bytes_s_.load(),
      loss_.load(),
      packets_.load(),
      packets_lost_.load(),
      {repair_.groups.load(), repair_.symbols.load(), repair_.repairs.load(),
       repair_.recovered.load(), repair_.resent.load()}};
}

bool WanLink::on_bytes(uint16_t stream, std::span<const std::byte> bytes) {
  if (stream == record_lane()) {
    connection_->consumed(stream, bytes.size());
    return symbols_.on_records(bytes);
  }
  WanStreamRings& rings = *rings_[stream];
  if (rings.in_dropped.load()) {
    // Nobody reads: what comes before the peer knows is thrown away.
    connection_->consumed(stream, bytes.size());
    return true;
  }
  const iovec piece{const_cast<std::byte*>(bytes.data()), bytes.size()};
  // Less than all: the peer sent more than its window.
  if (rings.in.write(std::span(&piece, 1)) != bytes.size()) return false;
  symbols_.stream_moved(stream);
  rings.owner.ring();
  return true;
}

void WanLink::on_finished(uint16_t stream) {
  rings_[stream]->in_finished.store(true);
  rings_[stream]->owner.ring();
}

void WanLink::on_acked(uint16_t stream, uint64_t offset) {
  if (stream == record_lane()) symbols_.on_records_acked(offset);
  if (symbols_.carries(stream)) {
    symbols_.on_stream_acked(stream, offset);
    return;  // settle() releases
  }
  WanStreamRings& rings = *rings_[stream];
  if (offset <= rings.out.released()) return;
  rings.out.release_to(offset);
  if (rings.wants_room.load()) rings.owner.ring();
}

void WanLink::on_refused(uint16_t stream) {
  WanStreamRings& rings = *rings_[stream];
  Lane& lane = lanes_[stream];
  // What was sent is nobody's any more.
  symbols_.abandon(stream);
  lane.finished = true;
  lane.offered = rings.out.written();
  rings.out.release_to(lane.offered);
  rings.out_refused.store(true);
  rings.owner.ring();
}

void WanLink::on_open(uint16_t stream) { lanes_[stream].open = true; }

std::optional<QuicStreams::Offer> WanLink::offer_of(uint16_t stream) const {
  const Lane& lane = lanes_[stream];
  if (!lane.open || lane.finished) return std::nullopt;
  const WanStreamRings& rings = *rings_[stream];
  // The flag before the bytes: it is set after the last of them.
  const bool last = rings.out_finished.load();
  Offer offer;
  offer.stream = stream;
  offer.last = last;
  if (symbols_.carries(stream)) {
    // Of its own it has nothing but the end, once all has landed.
    if (last && rings.out.empty()) return offer;
    return std::nullopt;
  }
  offer.pieces = rings.out.from(lane.offered);
  offer.count = offer.pieces[1].iov_len > 0 ? 2 : 1;
  if (offer.pieces[0].iov_len > 0) return offer;
  offer.count = 0;
  // The peer does not know a stream of which it has seen nothing.
  if (last || (!lane.announced && !hello_)) return offer;
  return std::nullopt;
}

QuicStreams::Offer WanLink::next_offer(const QuicStreamSet& blocked) {
  const uint16_t bulk = options_.streams;
  // What was lost and is waited for; the control stream; the others in turn.
  for (const uint16_t first : {record_lane(), uint16_t{0}}) {
    if (blocked.test(first)) continue;
    if (auto offer = offer_of(first)) return *offer;
  }
  for (uint16_t i = 1; i <= bulk; ++i) {
    const auto stream =
        static_cast<uint16_t>(1 + (next_bulk_ - 1 + i - 1) % bulk);
    if (blocked.test(stream)) continue;
    auto offer = offer_of(stream);
    if (!offer) continue;
    next_bulk_ = static_cast<uint16_t>(1 + stream % bulk);
    return *offer;
  }
  return {};
}

void WanLink::on_sent(const Offer& offer, size_t bytes) {
  Lane& lane = lanes_[offer.stream];
  lane.offered += bytes;
  lane.announced = true;
  size_t whole = 0;
  for (size_t i = 0; i < offer.count; ++i) whole += offer.pieces[i].iov_len;
  if (offer.last && bytes == whole) lane.finished = true;
}

Status WanLink::take_packets(Instant now) {
  std::array<ReceivedPacket, kWanReceiveBurst> packets;
  for (size_t burst = 0; burst < kWanReceiveBurstsAStep; ++burst) {
    CAUSEWAY_ASSIGN(const size_t count, io_->receive(packets, now));
    for (size_t i = 0; i < count; ++i) {
      CAUSEWAY_TRY(take_packet(packets[i], now));
    }
    more_to_take_ = count == packets.size();
    if (!more_to_take_) break;
  }
  return {};
}

Status WanLink::take_packet(const ReceivedPacket& packet, Instant now) {
  if (connection_ != nullptr) {
    if (!connection_->owns(packet.payload)) return {};  // a late stranger
    heard_ = now;
    refusals_ = io_->stats().refusals;
    return connection_->read(packet, now);
  }
  if (auto guest = reception_.take_packet(packet, now)) {
    adopt(std::move(*guest), now);
  }
  return {};
}

void WanLink::adopt(WanReception::Guest guest, Instant now) {
  connection_ = std::move(guest.connection);
  hello_ = guest.hello;
  for (uint16_t i = 0; i < lane_count(); ++i) {
    if (guest.open.test(i)) on_open(i);
  }
  // The hello was of this stream too, and its positions count from there.
  rings_[0]->in.extend_to(Hello::kBytes);
  rings_[0]->in.release_to(Hello::kBytes);
  lanes_[0].given = Hello::kBytes;
  connection_->hand_to(*this);
  symbols_.attach(*connection_);
  reception_.dismiss(now);
  io_->expect_only(connection_->remote());
  heard_ = now;
  publish(State::kOpen);
}

// What the streams' owners have done since: taken bytes, dropped streams.
void WanLink::heed_owners() {
  for (uint16_t i = 0; i < lane_count(); ++i) {
    Lane& lane = lanes_[i];
    if (!lane.open) continue;
    WanStreamRings& rings = *rings_[i];
    if (!lane.widened && connection_->confirmed()) {
      lane.widened = true;
      connection_->widen(i, rings.in.capacity() - kQuicFirstWindowBytes);
    }
    heed_urgency(i);
    lane.seen_end = rings.out_finished.load();
    lane.seen = rings.out.written();
    if (rings.in_dropped.load() && !lane.refused) {
      lane.refused = true;
      connection_->refuse(i);
    }
    const uint64_t taken = rings.in.released();
    if (taken - lane.given >= rings.in.capacity() / 8) {
      connection_->consumed(i, taken - lane.given);
      lane.given = taken;
    }
  }
}

void WanLink::heed_urgency(uint16_t stream) {
  const Lane& lane = lanes_[stream];
  if (!options_.fec || !rings_[stream]->urgent.load() || lane.finished ||
      symbols_.carries(stream) || !connection_->confirmed() ||
      connection_->datagram_bytes_max() < kQuicPayloadBytesMin / 2) {
    return;
  }
  symbols_.start(stream, lane.offered);
}

Status WanLink::send_packets(Instant now) {
  more_to_send_ = false;
  size_t left = std::max(connection_->burst_bytes(), io_->payload_bytes_max());
  for (;;) {
    const std::span<std::byte> room = io_->next_packet();
    if (room.empty()) {
      CAUSEWAY_ASSIGN(const bool sent, io_->flush());
      if (!sent) break;
      continue;
    }
    uint8_t ecn = 0;
    CAUSEWAY_ASSIGN(const size_t bytes, connection_->write(room, ecn, now));
    if (bytes == 0) break;
    io_->send_packet(bytes, connection_->remote(), ecn);
    if (bytes >= left) {
      more_to_send_ = true;
      break;
    }
    left -= bytes;
  }
  connection_->burst_sent(now);
  return {};
}

Status WanLink::advance(Instant now) {
  CAUSEWAY_TRY(take_packets(now));
  if (connection_ == nullptr) {
    reception_due_ = reception_.advance(now);
    CAUSEWAY_TRY(io_->flush());
    return {};
  }
  if (state() == State::kOpening && io_->stats().refusals > 0) {
    return make_error(ErrorCode::kUnreachable, "nothing listens there");
  }
  if (now >= gone_at()) {
    return make_error(ErrorCode::kConnectionLost, "its process has ended");
  }
  if (connection_->expiry() <= now) {
    CAUSEWAY_TRY(connection_->handle_expiry(now));
  }
  heed_owners();
  symbols_.settle(now, Duration(rtt_ns_.load()));
  connection_->insist(is_waited_for());
  CAUSEWAY_TRY(send_packets(now));
  CAUSEWAY_TRY(io_->flush());
  if (state() == State::kOpening && connection_->shaken()) {
    publish(State::kOpen);
  }
  return {};
}

Instant WanLink::step(Instant now) {
  if (done()) return kNever;
  bell_.up();
  now_ = now;
  if (Status status = advance(now); !status) {
    say_farewell(now);
    end(status.error());
    return kNever;
  }
  if (lingered(now)) {
    say_farewell(now);
    end(make_error(ErrorCode::kCancelled, "this end closed it"));
    return kNever;
  }
  publish_stats(now);
  if (more_to_send_ || more_to_take_) return now;
  bell_.about_to_sleep();
  if (has_work()) return now;
  WaitSet unused;
  const Instant due =
      connection_ == nullptr ? reception_due_ : connection_->expiry();
  return std::min({due, symbols_.due(Duration(rtt_ns_.load())), gone_at(),
                   linger_until_, io_->wait_on(unused, now)});
}

Instant WanLink::gone_at() const {
  const bool refused = state() == State::kOpen && connection_ != nullptr &&
                       io_->stats().refusals > refusals_;
  return refused ? heard_ + kWanRefusedMax : kNever;
}

Duration WanLink::linger_max() const {
  return options_.source ? kWanLingerMax : options_.quic.silence_max;
}

// Whether this end is closing and nothing is left to wait for.
bool WanLink::lingered(Instant now) {
  if (!closing_.load()) return false;
  if (linger_until_ == kNever) linger_until_ = now + linger_max();
  return connection_ == nullptr || all_arrived() || now >= linger_until_;
}

// Whether an owner has left something since it was looked for; what waits for
// the peer's window or for the congestion control is no such thing.
bool WanLink::has_work() const {
  if (closing_.load() && linger_until_ == kNever) return true;
  for (uint16_t i = 0; i < lane_count(); ++i) {
    const Lane& lane = lanes_[i];
    const WanStreamRings& rings = *rings_[i];
    if (!lane.open) continue;
    if (rings.out.written() != lane.seen ||
        rings.out_finished.load() != lane.seen_end ||
        rings.in_dropped.load() != lane.refused ||
        rings.in.released() - lane.given >= rings.in.capacity() / 8) {
      return true;
    }
  }
  return false;
}

bool WanLink::all_arrived() const {
  for (uint16_t i = 0; i < lane_count(); ++i) {
    const WanStreamRings& rings = *rings_[i];
    if (!rings.out.empty()) return false;
    const bool owes_end = lanes_[i].open && rings.out_finished.load();
    if (owes_end && !lanes_[i].finished) return false;
  }
  return true;
}

bool WanLink::is_waited_for() const {
  return std::any_of(rings_.begin(), rings_.end(), [](const auto& rings) {
    return rings->urgent.load() && !rings->out.empty();
  });
}

// A farewell that is lost leaves the peer waiting for its silence limit, so it
// is said more than once.
void WanLink::say_farewell(Instant now) {
  if (connection_ == nullptr) {
    reception_.dismiss(now);
    (void)io_->flush();
    return;
  }
  std::span<std::byte> room = io_->next_packet();
  if (room.empty()) return;
  const size_t bytes = connection_->write_close(room, all_arrived(), now);
  if (bytes == 0) return;
  const std::vector<std::byte> farewell(room.begin(), room.begin() + bytes);
  for (int i = 0; i < kFarewells; ++i) {
    io_->send_packet(bytes, connection_->remote(), 0);
    room = io_->next_packet();
    if (room.empty()) break;
    std::copy(farewell.begin(), farewell.end(), room.begin());
  }
  (void)io_->flush();
}

void WanLink::end(const Error& error) {
  end_.orderly = error.code == ErrorCode::kCancelled;
  end_.code = error.code;
  end_.reason = error.message;
  end_.ended.store(true);
  publish(State::kEnded);
  for (auto& rings : rings_) rings->owner.ring();
}

void WanLink::publish(State state) {
  next_stats_ = {};
  state_.store(state);
  state_changed_.notify();
}

void WanLink::publish_stats(Instant now) {
  if (connection_ == nullptr || now < next_stats_) return;
  next_stats_ = now + kWanStatsPeriod;
  sent_bytes_.store(io_->stats().bytes_sent);
  const PathStats stats = connection_->stats();
  rtt_ns_.store(stats.rtt.count());
  delivered_bytes_s_.store(stats.delivered_bytes_s);
  loss_.store(stats.loss);
  packets_.store(stats.packets);
  packets_lost_.store(stats.packets_lost);
  const FecSendCounters& fec = symbols_.sent();
  repair_.groups.store(fec.groups);
  repair_.symbols.store(fec.sources);
  repair_.repairs.store(fec.repairs);
  repair_.recovered.store(fec.recovered);
  repair_.resent.store(fec.resent);
}

void WanLink::wait_on(WaitSet& set) const {
  set.add(bell_.fd(), POLLIN);
  (void)io_->wait_on(set, now_);
}

}  // namespace causeway
