// SymbolCarrier: what of a link goes in symbols (../fec) instead of on QUIC's
// streams. A stream that is urgent is cut into groups from where QUIC has come
// to; each symbol is a DATAGRAM, and what repair cannot make good comes again
// on a stream of its own, as records. At the other end symbols go straight to
// their place in the stream's ring: who reads it sees bytes in order, as ever.
//
//   out ring ─┬─ QUIC stream, up to `from` ────────────────► in ring
//             └─ groups ─ symbols ─ DATAGRAM, unreliable ──►   ^ place
//                  lost and beyond repair ─ records, reliable ─┘
//
// Once a stream is carried it stays so; when it is no longer urgent, groups
// get no repair. The peer's answers on it become urgent with it. The stream's
// window bounds its symbols too: positions are those of the stream.
//
// Belongs to the link's thread.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "dpdk-wan/fec/group_receiver.h"
#include "dpdk-wan/fec/group_sender.h"
#include "dpdk-wan/fec/symbol_records.h"
#include "dpdk-wan/link/limits.h"
#include "dpdk-wan/link/wan_stream.h"
#include "dpdk-wan/quic/quic_connection.h"

namespace causeway {

class SymbolCarrier final : public QuicDatagrams,
                            private SymbolPlaces,
                            private SymbolRecords::Taker {
 public:
  // The rings outlive it; the last are the records', which nobody else uses.
  explicit SymbolCarrier(std::span<const std::unique_ptr<WanStreamRings>> rings)
      : rings_(rings), flows_(rings.size()), receiver_(*this) {}

  // The link has its connection, which outlives the use of this.
  void attach(QuicConnection& connection);
  bool attached() const { return connection_ != nullptr; }

  // The stream's bytes from `position` on are this one's to carry.
  void start(uint16_t stream, uint64_t position);
  bool carries(uint16_t stream) const { return flows_[stream].carried; }
  // The peer takes no more on the stream.
  void abandon(uint16_t stream);

  // QUIC's own part of a carried stream, and the records': the peer has them
  // up to here.
  void on_stream_acked(uint16_t stream, uint64_t offset);
  void on_records_acked(uint64_t offset);
  // The stream's ring has grown by QUIC.
  void stream_moved(uint16_t stream);
  // False: the peer broke a rule.
  bool on_records(std::span<const std::byte> bytes);

  // Gives the owners' bytes free that the peer has, and counts symbols as lost
  // that were not heard of for too long.
  void settle(Instant now, Duration rtt);
  // When settle() is due; kNever: nothing is waited for.
  Instant due(Duration rtt) const;

  const FecSendCounters& sent() const { return sender_.counters(); }
  const FecReceiveCounters& received() const { return receiver_.counters(); }

  // QuicDatagrams.
  bool on_datagram(std::span<const std::byte> bytes) override;
  void on_datagram_acked(uint64_t id) override { sender_.on_acked(id); }
  void on_datagram_lost(uint64_t id) override { sender_.on_lost(id); }
  Datagram next_datagram(size_t bytes_max) override;
  void on_datagram_sent(uint64_t id, Instant now) override;

 private:
  struct Flow {
    bool carried = false;
    bool abandoned = false;
    uint64_t from = 0;          // the first byte in symbols
    uint64_t cut = 0;           // up to here there are groups
    uint64_t stream_acked = 0;  // of QUIC's part
  };
  struct Resent {
    uint64_t end = 0;  // of its record in the records' stream
    GroupSender::Id id = 0;
  };

  // SymbolPlaces.
  bool has(uint16_t stream) const override;
  uint64_t end(uint16_t stream) const override;
  uint64_t limit(uint16_t stream) const override;
  void place(uint16_t stream, uint64_t position,
             std::span<const std::byte> bytes) override;
  void fetch(uint16_t stream, uint64_t position,
             std::span<std::byte> into) const override;
  void extend(uint16_t stream, uint64_t end) override;
  // SymbolRecords::Taker.
  Status take_symbol(std::span<const std::byte> symbol) override;

  WanStreamRings& records() const { return *rings_.back(); }
  uint64_t waiting(uint16_t stream) const;
  bool cut();
  void begin_group(uint16_t stream, uint64_t bytes_max);
  void send_owed();
  bool write_record(std::span<const std::byte> symbol);
  void write_owed(const GroupSender::Owed& owed);

  std::span<const std::unique_ptr<WanStreamRings>> rings_;
  std::vector<Flow> flows_;
  QuicConnection* connection_ = nullptr;
  GroupSender sender_;
  GroupReceiver receiver_;
  SymbolRecords record_reader_;
  std::array<Resent, kFecResentMax> resent_;
  uint64_t resent_first_ = 0;
  uint64_t resent_end_ = 0;
  uint16_t turn_ = 0;        // whose group was last
  bool unanswered_ = false;  // symbols went out, and no record behind them
};

}  // namespace causeway
