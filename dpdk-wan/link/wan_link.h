// WanLink: one QUIC connection and the endpoint under it, driven by a thread
// of its own so that acknowledgements, timers and retransmissions do not wait
// for workers. Everything but the functions marked "any thread" belongs to
// that thread.
//
//   listening ── the right stranger ──► open ◄── handshake ── connecting
//                                        │ close(): all that was sent has
//                                        ▼          arrived, or linger_max()
//                                      ended
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "dpdk-wan/link/limits.h"
#include "dpdk-wan/link/symbol_carrier.h"
#include "dpdk-wan/link/wan_reception.h"
#include "dpdk-wan/link/wan_stream.h"
#include "dpdk-wan/packet/packet_io.h"
#include "dpdk-wan/quic/quic_connection.h"
#include "engine/base/stepper.h"
#include "engine/path/stream/hello.h"

namespace causeway {

struct WanLinkOptions {
  // Bulk streams; the control stream and the one of the symbols that were lost
  // (symbol_carrier.h) are two more.
  uint16_t streams = 1;
  uint16_t lanes = 1;  // links of the path, which share kWanWindowBytes
  bool source = true;  // of the bulk streams: it has the large rings
  bool fec = true;     // what is urgent gets repair
  QuicOptions quic;    // streams and window follow from the above
};

class WanLink final : public Stepper, private QuicStreams {
 public:
  WanLink(std::unique_ptr<PacketIo> io, QuicCredentials credentials,
          const WanLinkOptions& options);
  ~WanLink() override;

  // Before the thread starts: one of the two.
  Status connect(const SocketAddress& remote, Instant now);
  void listen(const PathToken& token);

  // Any thread.
  enum class State : uint8_t { kOpening, kOpen, kEnded };
  State state() const { return state_.load(); }
  const LinkEnd& end() const { return end_; }
  const SocketAddress& local() const { return io_->local(); }
  // Readable when the state has changed; one waiter.
  int state_fd() const { return state_changed_.fd(); }
  void state_seen() const { state_changed_.drain(); }  // before state()
  // Ends the link once all that was sent has arrived.
  void close();
  PathStats stats() const;
  uint64_t sent_bytes() const { return sent_bytes_.load(); }  // UDP payload

  // Once it is open (or, connecting, from the start): stream 0 is the control
  // stream. Each is taken once; the link outlives it.
  std::unique_ptr<ByteStream> take_stream(uint16_t stream,
                                          const std::string& peer);
  // Listening: who came, when the link is open, and what was said on stream 0.
  std::string peer() const { return connection_->remote().text(); }
  const Hello& hello() const { return *hello_; }
  // Once its thread has ended: the last that was turned away.
  const std::string& last_refusal() const { return reception_.last_refusal(); }
  const SymbolCarrier& symbols() const { return symbols_; }

  Instant step(Instant now) override;
  void wait_on(WaitSet& set) const override;
  bool done() const override { return state() == State::kEnded; }

 private:
  // The connection's side of one stream.
  struct Lane {
    uint64_t offered = 0;  // QUIC has the bytes before
    uint64_t given = 0;    // of the in ring, back to the peer's window
    uint64_t seen = 0;     // what the owner had written when last looked for
    bool seen_end = false;
    bool open = false;
    bool widened = false;    // the peer knows how much room there really is
    bool announced = false;  // something was sent on it, if only nothing
    bool finished = false;   // and so has its end
    bool refused = false;    // STOP_SENDING is on its way
  };

  // QuicStreams.
  bool on_bytes(uint16_t stream, std::span<const std::byte> bytes) override;
  void on_finished(uint16_t stream) override;
  void on_acked(uint16_t stream, uint64_t offset) override;
  void on_refused(uint16_t stream) override;
  void on_open(uint16_t stream) override;
  Offer next_offer(const QuicStreamSet& blocked) override;
  void on_sent(const Offer& offer, size_t bytes) override;

  uint16_t lane_count() const { return static_cast<uint16_t>(lanes_.size()); }
  uint16_t record_lane() const {
    return static_cast<uint16_t>(lanes_.size() - 1);
  }
  Status take_packets(Instant now);
  Status take_packet(const ReceivedPacket& packet, Instant now);
  void adopt(WanReception::Guest guest, Instant now);
  void heed_owners();
  void heed_urgency(uint16_t stream);
  Status send_packets(Instant now);
  Status advance(Instant now);
  bool has_work() const;
  bool all_arrived() const;
  // Whether somebody stands still for what the peer has not acknowledged.
  bool is_waited_for() const;
  std::optional<Offer> offer_of(uint16_t stream) const;
  // When a peer that is refused and silent counts as gone; kNever: it is not.
  Instant gone_at() const;
  Duration linger_max() const;
  bool lingered(Instant now);
  void say_farewell(Instant now);
  void end(const Error& error);
  void publish(State state);
  void publish_stats(Instant now);

  std::unique_ptr<PacketIo> io_;
  QuicCredentials credentials_;
  WanLinkOptions options_;
  WanReception reception_;
  std::vector<std::unique_ptr<WanStreamRings>> rings_;
  std::unique_ptr<QuicConnection> connection_;
  std::vector<Lane> lanes_;
  SymbolCarrier symbols_;
  std::optional<Hello> hello_;
  uint16_t next_bulk_ = 1;  // whose turn it is
  bool more_to_send_ = false;
  bool more_to_take_ = false;
  Instant now_{};  // of the last step
  Instant reception_due_ = kNever;
  Instant heard_{};        // the peer, last
  uint64_t refusals_ = 0;  // of the endpoint, until then

  std::atomic<State> state_{State::kOpening};
  LinkEnd end_;
  Notifier state_changed_;
  SleepBell bell_;
  std::atomic<bool> closing_{false};
  Instant linger_until_ = kNever;

  Instant next_stats_{};
  std::atomic<int64_t> rtt_ns_{0};
  std::atomic<double> delivered_bytes_s_{0};
  std::atomic<double> loss_{0};
  std::atomic<uint64_t> packets_{0};
  std::atomic<uint64_t> packets_lost_{0};
  struct {
    std::atomic<uint64_t> groups{0}, symbols{0}, repairs{0}, recovered{0},
        resent{0};
  } repair_;
  std::atomic<uint64_t> sent_bytes_{0};
};

}  // namespace causeway
