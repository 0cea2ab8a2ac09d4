// QuicConnection: one QUIC connection (RFC 9000) as a state machine: datagrams
// and the time go in, datagrams come out. No I/O, no clock, no threads; ngtcp2
// stays out of the header.
//
// Streams are bidirectional, opened by the connecting end, and numbered from
// 0. Bytes to send stay where they are until the peer has them (on_acked);
// what arrives is handed over in order and at once. A peer may send
// kQuicFirstWindowBytes on a stream and what widen() and consumed() add, and
// QuicOptions::window_bytes on all.
//
// One owner, one thread. An Error means that the connection has ended; its
// message is the reason, to stand behind the peer's name: kConnectionLost;
// kCancelled: the peer closed it, and had all that it wanted; kTimeout: no
// handshake; kPermission: the certificates, at either end.
#pragma once

#include <sys/uio.h>

#include <array>
#include <bitset>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "dpdk-wan/packet/packet_io.h"
#include "dpdk-wan/quic/congestion.h"
#include "dpdk-wan/quic/limits.h"
#include "dpdk-wan/quic/quic_credentials.h"
#include "dpdk-wan/quic/quic_retry.h"
#include "engine/base/result.h"
#include "engine/base/time.h"
#include "engine/path/path.h"

namespace causeway {

struct QuicOptions {
  CongestionControl congestion = CongestionControl::kBbr2;
  // 0: path MTU discovery up to an ordinary Ethernet's; else by configuration.
  size_t payload_bytes = 0;
  Duration silence_max = kQuicSilenceMax;
  Duration handshake_max = std::chrono::seconds(10);
  uint16_t streams = 1;
  uint64_t window_bytes = 0;  // of all streams together, what may arrive
};

using QuicStreamSet = std::bitset<kQuicStreamsMax>;

// What the connection asks of whoever owns its streams. Called from within
// the connection's own calls.
class QuicStreams {
 public:
  virtual ~QuicStreams() = default;
  // In order; all of it is taken. False: the peer broke a rule.
  virtual bool on_bytes(uint16_t stream, std::span<const std::byte> bytes) = 0;
  // No more comes on this stream.
  virtual void on_finished(uint16_t stream) = 0;
  // The peer has the first `offset` bytes of what was sent.
  virtual void on_acked(uint16_t stream, uint64_t offset) = 0;
  // The peer takes no more on this stream, which it may have had whole.
  virtual void on_refused(uint16_t stream) = 0;
  // From here on streams can be written to.
  virtual void on_open(uint16_t stream) = 0;

  // What to send next, of a stream that is open and not in `blocked`.
  struct Offer {
    static constexpr uint16_t kNothing = UINT16_MAX;
    uint16_t stream = kNothing;
    std::array<iovec, 2> pieces{};
    size_t count = 0;
    bool last = false;  // the stream ends after them
  };
  virtual Offer next_offer(const QuicStreamSet& blocked) = 0;
  // So many bytes of the offer are on their way (and its end, if all of them
  // and it was the last).
  virtual void on_sent(const Offer& offer, size_t bytes) = 0;
};

// Whose DATAGRAM frames (RFC 9221) a connection carries: unreliable, one a
// packet, in any order. Called from within the connection's own calls.
class QuicDatagrams {
 public:
  virtual ~QuicDatagrams() = default;
  // False: the peer broke a rule.
  virtual bool on_datagram(std::span<const std::byte> bytes) = 0;
  // Either may come late, or not at all.
  virtual void on_datagram_acked(uint64_t id) = 0;
  virtual void on_datagram_lost(uint64_t id) = 0;

  // What to send next, before anything on the streams; empty: nothing. The
  // same until on_datagram_sent(), or another if it no longer fits.
  struct Datagram {
    uint64_t id = 0;
    std::span<const std::byte> bytes;
  };
  virtual Datagram next_datagram(size_t bytes_max) = 0;
  virtual void on_datagram_sent(uint64_t id, Instant now) = 0;
};

class QuicConnection {
 public:
  // `credentials` and `streams` outlive the connection.
  static Result<std::unique_ptr<QuicConnection>> connect(
      const QuicCredentials& credentials, const SocketAddress& local,
      const SocketAddress& remote, const QuicOptions& options,
      QuicStreams& streams, Instant now);

  // Of the first datagram of a connection (to be given to read() then). An
  // Error when it is none: kPeerBroken. `origin`: of one that was asked whether
  // it is where it says, else nullptr.
  static Result<std::unique_ptr<QuicConnection>> accept(
      const QuicCredentials& credentials, const SocketAddress& local,
      const ReceivedPacket& first, const QuicOptions& options,
      QuicStreams& streams, Instant now,
      const QuicRetry::Origin* origin = nullptr);

  ~QuicConnection();

  // Whether a datagram is for this connection, by the id that it names; of the
  // accepting end once it has read its first.
  bool owns(std::span<const std::byte> datagram) const;
  Status read(const ReceivedPacket& packet, Instant now);
  // Writes the next datagram; 0: nothing to send at the moment. Then, after a
  // burst of at most burst_bytes(): burst_sent().
  Result<size_t> write(std::span<std::byte> room, uint8_t& ecn, Instant now);
  size_t burst_bytes() const;
  void burst_sent(Instant now);

  // When handle_expiry() is due.
  Instant expiry() const;
  Status handle_expiry(Instant now);

  // Both ends have shown their certificates.
  bool shaken() const;
  // ... and know it of each other. Before, ngtcp2 0.12 may forget widen().
  bool confirmed() const;
  // The streams go to another owner.
  void hand_to(QuicStreams& streams);
  // From here on datagrams are sent and taken; before, those that come are
  // dropped. `datagrams` outlives the connection.
  void carry(QuicDatagrams& datagrams);
  // The longest datagram that surely fits a packet at the moment; 0: the peer
  // takes none.
  size_t datagram_bytes_max() const;
  // While true: somebody stands still for what was sent and not acknowledged.
  // A silent line is then tried every kQuicInsistMin or two round trips, and
  // the window is not filled to the brim, which would keep the tries back.
  void insist(bool urgent);
  // What congestion control leaves before something is acknowledged, and what
  // is kept for the tries; a packet may go as long as it is not 0.
  uint64_t congestion_left() const;
  // What the peer's window of the stream leaves.
  uint64_t window_left(uint16_t stream) const;
  // The peer may send so many bytes more on the stream ...
  void widen(uint16_t stream, uint64_t bytes);
  // ... and, those having been taken, on the connection too.
  void consumed(uint16_t stream, uint64_t bytes);
  // This end takes no more on the stream.
  void refuse(uint16_t stream);
  // The last datagram: the connection ends, `orderly` or not. 0 when there is
  // none to send.
  size_t write_close(std::span<std::byte> room, bool orderly, Instant now);

  // The share of the packets that may be expected to be lost, also before
  // anything was.
  double loss_expected() const;
  const SocketAddress& remote() const;
  PathStats stats() const;

 private:
  class Impl;
  explicit QuicConnection(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace causeway
