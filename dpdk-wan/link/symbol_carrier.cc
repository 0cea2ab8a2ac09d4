#include "dpdk-wan/link/symbol_carrier.h"

#include <algorithm>

#include "dpdk-wan/fec/repair_share.h"
#include "engine/base/assert.h"

namespace causeway {
namespace {

Duration patience(Duration rtt) { return 3 * rtt + kWanSymbolPatience; }

}  // namespace

void SymbolCarrier::attach(QuicConnection& connection) {
  connection_ = &connection;
  connection.carry(*this);
}

void SymbolCarrier::start(uint16_t stream, uint64_t position) {
  CAUSEWAY_ASSERT(attached() && !carries(stream));
  CAUSEWAY_ASSERT(stream + 1U < flows_.size());
  Flow& flow = flows_[stream];
  flow.carried = true;
  flow.from = flow.cut = position;
  flow.stream_acked = rings_[stream]->out.released();
  sender_.hold(stream, flow.stream_acked < position);
}

void SymbolCarrier::abandon(uint16_t stream) {
  flows_[stream].abandoned = true;
  sender_.hold(stream, false);
  flows_[stream].cut = rings_[stream]->out.written();
}

void SymbolCarrier::on_stream_acked(uint16_t stream, uint64_t offset) {
  Flow& flow = flows_[stream];
  flow.stream_acked = std::max(flow.stream_acked, offset);
  if (flow.stream_acked >= flow.from) sender_.hold(stream, false);
}

void SymbolCarrier::on_records_acked(uint64_t offset) {
  while (resent_first_ < resent_end_) {
    const Resent& oldest = resent_[resent_first_ % resent_.size()];
    if (oldest.end > offset) break;
    sender_.on_resent_landed(oldest.id);
    ++resent_first_;
  }
}

void SymbolCarrier::stream_moved(uint16_t stream) {
  receiver_.stream_moved(stream);
}

bool SymbolCarrier::on_records(std::span<const std::byte> bytes) {
  return record_reader_.take(bytes, *this).has_value();
}

bool SymbolCarrier::on_datagram(std::span<const std::byte> bytes) {
  return take_symbol(bytes).has_value();
}

Status SymbolCarrier::take_symbol(std::span<const std::byte> symbol) {
  CAUSEWAY_ASSIGN(const Symbol decoded, decode_symbol(symbol));
  const uint16_t stream = decoded.group.stream;
  // Nobody reads: what comes before the peer knows is thrown away.
  if (has(stream) && rings_[stream]->in_dropped.load()) return {};
  CAUSEWAY_TRY(receiver_.take(symbol));
  rings_[stream]->urgent.store(true);
  return {};
}

void SymbolCarrier::settle(Instant now, Duration rtt) {
  if (due(rtt) <= now) sender_.give_up(now - patience(rtt));
  for (uint16_t i = 0; i < flows_.size(); ++i) {
    const Flow& flow = flows_[i];
    if (!flow.carried || flow.abandoned) continue;
    WanStreamRings& rings = *rings_[i];
    // The bytes before the first group are QUIC's to acknowledge.
    const uint64_t landed = flow.stream_acked < flow.from
                                ? flow.stream_acked
                                : std::max(flow.from, sender_.landed_to(i));
    if (landed <= rings.out.released()) continue;
    rings.out.release_to(landed);
    if (rings.wants_room.load()) rings.owner.ring();
  }
}

Instant SymbolCarrier::due(Duration rtt) const {
  const Instant oldest = sender_.idle() ? kNever : sender_.oldest_sent_at();
  return oldest == kNever ? kNever : oldest + patience(rtt);
}

uint64_t SymbolCarrier::waiting(uint16_t stream) const {
  const Flow& flow = flows_[stream];
  if (!flow.carried || flow.abandoned) return 0;
  return rings_[stream]->out.written() - flow.cut;
}

// Begins a group of the stream whose turn it is; control goes first.
bool SymbolCarrier::cut() {
  const auto streams = static_cast<uint16_t>(flows_.size() - 1);
  for (uint16_t i = 0; i < streams; ++i) {
    const auto bulk =
        static_cast<uint16_t>(1 + (turn_ + i - 1) % std::max(1, streams - 1));
    const uint16_t stream = i == 0 ? 0 : bulk;
    const Flow& flow = flows_[stream];
    if (waiting(stream) == 0) continue;
    // Symbols take nothing of the stream's window, which begins at `from`.
    const uint64_t window = connection_->window_left(stream);
    const uint64_t used = flow.cut - flow.from;
    if (window <= used) continue;
    begin_group(stream, std::min(waiting(stream), window - used));
    if (stream != 0) turn_ = stream;
    return true;
  }
  return false;
}

void SymbolCarrier::begin_group(uint16_t stream, uint64_t bytes_max) {
  const PathStats stats = connection_->stats();
  const double loss = connection_->loss_expected();
  const size_t longest = std::min(
      connection_->datagram_bytes_max() - kSymbolHeadBytes, kFecSymbolBytesMax);
  const bool urgent = rings_[stream]->urgent.load();
  const size_t sources_max = urgent ? group_sources_for(loss) : kFecSourcesMax;
  GroupHead head;
  head.stream = stream;
  head.position = flows_[stream].cut;
  head.bytes = static_cast<uint32_t>(
      std::min<uint64_t>(bytes_max, sources_max * longest));
  // As long as one another, so that repair is not longer than it must be.
  const size_t sources = (head.bytes + longest - 1) / longest;
  head.symbol_bytes = static_cast<uint16_t>(
      std::max((head.bytes + sources - 1) / sources, kFecSymbolBytesMin));
  RunObservation seen{stats.rtt, stats.delivered_bytes_s, 0};
  for (uint16_t i = 0; i < flows_.size(); ++i) seen.bytes_behind += waiting(i);
  seen.bytes_behind -= head.bytes;
  if (urgent && worth_repair(seen)) {
    head.repairs = static_cast<uint8_t>(repairs_for(head.sources(), loss));
  }
  const auto pieces = rings_[stream]->out.from(head.position);
  sender_.begin(head, pieces);
  flows_[stream].cut = head.end();
}

// QUIC waits for acknowledgements, and asks for them when none come, only of
// what it can send again (RFC 9002, 6.2.1). Were datagrams the last that went
// out, and lost, nobody would ever know. So an empty record goes behind them:
// when there are no more, and before they have used up what congestion control
// allows.
QuicDatagrams::Datagram SymbolCarrier::next_datagram(size_t bytes_max) {
  send_owed();
  const bool room = connection_->congestion_left() > kWanSymbolRoomBytes;
  while (room) {
    if (sender_.next().empty() && (!sender_.ready() || !cut())) break;
    if (sender_.next().size() <= bytes_max) {
      return {sender_.next_id(), sender_.next()};
    }
    sender_.drop();
  }
  if (unanswered_ && write_record({})) unanswered_ = false;
  return {};
}

void SymbolCarrier::on_datagram_sent(uint64_t id, Instant now) {
  CAUSEWAY_ASSERT(id == sender_.next_id());
  sender_.sent(now);
  unanswered_ = true;
}

void SymbolCarrier::send_owed() {
  while (resent_end_ - resent_first_ < resent_.size() &&
         records().out.room() >= kSymbolRecordBytesMax) {
    const auto owed = sender_.next_owed();
    if (!owed) return;
    sender_.resent(owed->id);
    if (flows_[owed->group.stream].abandoned) {
      sender_.on_resent_landed(owed->id);
    } else {
      write_owed(*owed);
    }
  }
}

void SymbolCarrier::write_owed(const GroupSender::Owed& owed) {
  std::array<std::byte, kSymbolWireBytesMax> symbol;
  encode_symbol_head(owed.group, owed.index,
                     std::span(symbol).first<kSymbolHeadBytes>());
  const size_t payload = owed.group.payload_bytes(owed.index);
  rings_[owed.group.stream]->out.fetch(
      owed.position(), std::span(symbol).subspan(kSymbolHeadBytes, payload));
  const bool wrote =
      write_record(std::span(symbol).first(kSymbolHeadBytes + payload));
  CAUSEWAY_ASSERT(wrote);
  resent_[resent_end_++ % resent_.size()] = {records().out.written(), owed.id};
}

bool SymbolCarrier::write_record(std::span<const std::byte> symbol) {
  std::array<std::byte, kSymbolRecordHeadBytes> head;
  encode_record_head(symbol.size(), head);
  if (records().out.room() < head.size() + symbol.size()) return false;
  const iovec pieces[] = {
      {head.data(), head.size()},
      {const_cast<std::byte*>(symbol.data()), symbol.size()}};
  const size_t wrote = records().out.write(pieces);
  CAUSEWAY_ASSERT(wrote == head.size() + symbol.size());
  return true;
}

bool SymbolCarrier::has(uint16_t stream) const {
  return stream + 1U < rings_.size();
}
uint64_t SymbolCarrier::end(uint16_t stream) const {
  return rings_[stream]->in.written();
}
uint64_t SymbolCarrier::limit(uint16_t stream) const {
  return rings_[stream]->in.limit();
}
void SymbolCarrier::place(uint16_t stream, uint64_t position,
                          std::span<const std::byte> bytes) {
  rings_[stream]->in.place(position, bytes);
}
void SymbolCarrier::fetch(uint16_t stream, uint64_t position,
                          std::span<std::byte> into) const {
  rings_[stream]->in.fetch(position, into);
}
void SymbolCarrier::extend(uint16_t stream, uint64_t end) {
  rings_[stream]->in.extend_to(end);
  rings_[stream]->owner.ring();
}

}  // namespace causeway
