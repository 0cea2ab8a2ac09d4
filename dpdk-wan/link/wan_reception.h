// WanReception: strangers at a listening link. Each is a QUIC connection that
// has to shake hands, which only the host with the right certificate can, and
// to say a hello with the migration's token, within kWanHelloWaitMax. The link
// then goes on with that one.
//
// A packet is quickly sent from an address that is not the sender's. When
// kWanUnprovenMax are there of whom nobody knows, who comes next is asked first
// (../quic/quic_retry.h), and nothing is kept of who does not answer. So only
// who really is somewhere can crowd the right one out.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "dpdk-wan/link/limits.h"
#include "dpdk-wan/packet/packet_io.h"
#include "dpdk-wan/quic/quic_connection.h"
#include "engine/path/stream/hello.h"

namespace causeway {

class WanReception {
 public:
  // References outlive it.
  WanReception(PacketIo& io, const QuicCredentials& credentials,
               const QuicOptions& options)
      : io_(io), credentials_(credentials), options_(options) {}

  void expect(const PathToken& token) { token_ = token; }

  struct Guest {
    std::unique_ptr<QuicConnection> connection;
    Hello hello;
    QuicStreamSet open;  // streams
  };
  // The one that was waited for, if this datagram completed its hello.
  std::optional<Guest> take_packet(const ReceivedPacket& packet, Instant now);
  // Sends what is due and drops who took too long; when to do so again.
  Instant advance(Instant now);
  // All that are left are told to go.
  void dismiss(Instant now);

  const std::string& last_refusal() const { return last_refusal_; }
  // Strangers at the moment; for tests.
  size_t strangers() const { return strangers_.size(); }

 private:
  // Owns the streams of a connection while nothing but a hello may come.
  struct Stranger final : QuicStreams {
    bool on_bytes(uint16_t stream, std::span<const std::byte> bytes) override;
    void on_finished(uint16_t) override {}
    void on_acked(uint16_t, uint64_t) override {}
    void on_refused(uint16_t) override {}
    void on_open(uint16_t stream) override { open.set(stream); }
    Offer next_offer(const QuicStreamSet&) override { return {}; }
    void on_sent(const Offer&, size_t) override {}

    std::unique_ptr<QuicConnection> connection;
    bool proven = false;  // it is where it says
    Instant until;
    std::array<std::byte, Hello::kBytes> hello{};
    size_t got = 0;
    QuicStreamSet open;
  };

  Stranger* find(std::span<const std::byte> datagram);
  Stranger* greet(const ReceivedPacket& packet, Instant now);
  void ask(const ReceivedPacket& packet, Instant now);
  bool must_ask() const;
  void make_room();
  Status send(Stranger& stranger, Instant now);
  void turn_away(Stranger& stranger, const std::string& why, Instant now);

  PacketIo& io_;
  const QuicCredentials& credentials_;
  const QuicOptions& options_;
  PathToken token_{};
  QuicRetry retry_;
  std::vector<std::unique_ptr<Stranger>> strangers_;  // the oldest first
  std::string last_refusal_;
};

}  // namespace causeway
