// Strangers at a listening link, in virtual time: who comes from where it says
// gets through, whoever else sends what.
#include "dpdk-wan/link/wan_reception.h"

#include <gtest/gtest.h>

#include <deque>

#include "tests/engine/path/tcp/test_certificates.h"

namespace causeway {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Bytes = std::vector<std::byte>;

constexpr PathToken kReceptionToken{std::byte{9}};
constexpr Duration kRoundTrip = milliseconds(100);

// The listening end's endpoint: keeps what is sent, by whom it is for.
class Outbox final : public PacketIo {
 public:
  Outbox() : local_(resolve_address("192.0.2.2:2", false)->front()) {}
  std::span<std::byte> next_packet() override { return room_; }
  void send_packet(size_t bytes, const SocketAddress& to, uint8_t) override {
    ++packets[to.text()];
    sent.emplace_back(to.text(), Bytes(room_.begin(), room_.begin() + bytes));
  }
  Result<bool> flush() override { return true; }
  Result<size_t> receive(std::span<ReceivedPacket>, Instant) override {
    return size_t{0};
  }
  void expect_only(const SocketAddress&) override {}
  const SocketAddress& local() const override { return local_; }
  size_t payload_bytes_max() const override { return room_.size(); }
  PacketIoStats stats() const override { return {}; }
  Instant wait_on(WaitSet&, Instant) const override { return kNever; }

  std::deque<std::pair<std::string, Bytes>> sent;
  std::map<std::string, size_t> packets;

 private:
  SocketAddress local_;
  std::array<std::byte, 1472> room_{};
};

// The connecting end: says its hello as soon as it can.
class Client final : public QuicStreams {
 public:
  Client(const QuicCredentials& credentials, const std::string& at,
         const SocketAddress& to, Instant now)
      : at_(resolve_address(at, false)->front()) {
    Hello hello;
    hello.token = kReceptionToken;
    hello.stream_count = 1;
    hello_ = encode_hello(hello);
    QuicOptions options;
    options.window_bytes = 1u << 20;
    connection_ =
        QuicConnection::connect(credentials, at_, to, options, *this, now)
            .value();
  }
  std::vector<Bytes> write(Instant now) {
    std::vector<Bytes> datagrams;
    for (;;) {
      Bytes room(1472);
      uint8_t ecn = 0;
      const auto bytes = connection_->write(room, ecn, now);
      if (!bytes || *bytes == 0) return datagrams;
      room.resize(*bytes);
      datagrams.push_back(std::move(room));
    }
  }
  Status read(const Bytes& datagram, const SocketAddress& from, Instant now) {
    return connection_->read({datagram, from, 0}, now);
  }
  void expire(Instant now) {
    if (connection_->expiry() <= now) {
      ASSERT_TRUE(connection_->handle_expiry(now));
    }
  }
  const SocketAddress& at() const { return at_; }

  bool on_bytes(uint16_t, std::span<const std::byte>) override { return true; }
  void on_finished(uint16_t) override {}
  void on_acked(uint16_t, uint64_t) override {}
  void on_refused(uint16_t) override {}
  void on_open(uint16_t) override { open_ = true; }
  Offer next_offer(const QuicStreamSet& blocked) override {
    if (!open_ || said_ || blocked.test(0)) return {};
    Offer offer;
    offer.stream = 0;
    offer.pieces[0] = {hello_.data(), hello_.size()};
    offer.count = 1;
    return offer;
  }
  void on_sent(const Offer&, size_t) override { said_ = true; }

 private:
  SocketAddress at_;
  std::array<std::byte, Hello::kBytes> hello_;
  std::unique_ptr<QuicConnection> connection_;
  bool open_ = false, said_ = false;
};

class WanReceptionTest : public testing::Test {
 protected:
  WanReceptionTest() { reception_.expect(kReceptionToken); }

  bool take(const Bytes& datagram, const SocketAddress& from) {
    auto guest = reception_.take_packet({datagram, from, 0}, now_);
    reception_.advance(now_);
    return guest.has_value();
  }
  // First packets, each from an address where nobody answers.
  void flood(size_t count) {
    for (size_t i = 0; i < count; ++i) {
      ++spoofed_;
      Client liar(source_,
                  fmt::format("198.51.{}.{}:1000", spoofed_ / 250 % 250,
                              spoofed_ % 250 + 1),
                  io_.local(), now_);
      for (const Bytes& datagram : liar.write(now_)) {
        EXPECT_FALSE(take(datagram, liar.at()));
      }
    }
  }
  // The honest one's handshake, with so many liars in each half round trip;
  // how long it took, if it got through.
  std::optional<Duration> come(size_t liars) {
    const Instant began = now_;
    Client honest(source_, "192.0.2.1:1", io_.local(), now_);
    while (now_ - began < seconds(4)) {
      honest.expire(now_);
      const std::vector<Bytes> out = honest.write(now_);
      now_ += kRoundTrip / 2;
      flood(liars);
      io_.sent.clear();
      bool arrived = false;
      for (const Bytes& datagram : out) arrived |= take(datagram, honest.at());
      if (arrived) return now_ - began;
      auto back = std::exchange(io_.sent, {});
      now_ += kRoundTrip / 2;
      flood(liars);
      for (const auto& [to, datagram] : back) {
        if (to != honest.at().text()) continue;
        EXPECT_TRUE(honest.read(datagram, io_.local(), now_));
      }
    }
    return std::nullopt;
  }

  const TestCertificates certificates_;
  const QuicCredentials source_ =
      QuicCredentials::load(certificates_.files("a"), "b").value();
  const QuicCredentials target_ =
      QuicCredentials::load(certificates_.files("b"), "a").value();
  QuicOptions options_ = [] {
    QuicOptions options;
    options.window_bytes = 1u << 20;
    options.streams = 2;
    return options;
  }();
  Outbox io_;
  WanReception reception_{io_, target_, options_};
  Instant now_{seconds(1)};
  size_t spoofed_ = 0;
};

TEST_F(WanReceptionTest, NobodyIsAskedWhereNobodyDisturbs) {
  const auto took = come(0);
  ASSERT_TRUE(took);
  EXPECT_EQ(*took, kRoundTrip + kRoundTrip / 2);
}

TEST_F(WanReceptionTest, AFloodFromFalseAddressesDoesNotCrowdOutTheRightOne) {
  flood(100);
  const auto took = come(100);
  ASSERT_TRUE(took) << "crowded out";
  // One round trip more, for the question.
  EXPECT_EQ(*took, 2 * kRoundTrip + kRoundTrip / 2);
}

TEST_F(WanReceptionTest, NothingIsKeptOfWhoDoesNotAnswer) {
  flood(1000);
  EXPECT_EQ(reception_.strangers(), kWanUnprovenMax);
  // One answer each at most: nobody is used against a third.
  for (const auto& [to, packets] : io_.packets) EXPECT_LE(packets, 3U) << to;
  size_t asked = 0;
  for (const auto& [to, datagram] : io_.sent) asked += datagram.size() < 300;
  EXPECT_GE(asked, 900U);
}

TEST_F(WanReceptionTest, AnAnswerOfAnotherAddressOrTooLateIsNone) {
  flood(kWanUnprovenMax);
  Client honest(source_, "192.0.2.1:1", io_.local(), now_);
  io_.sent.clear();
  for (const Bytes& datagram : honest.write(now_)) {
    take(datagram, honest.at());
  }
  ASSERT_EQ(io_.sent.size(), 1U);
  ASSERT_TRUE(honest.read(io_.sent.front().second, io_.local(), now_));
  const std::vector<Bytes> answer = honest.write(now_);
  ASSERT_FALSE(answer.empty());
  take(answer.front(), resolve_address("192.0.2.3:1", false)->front());
  EXPECT_EQ(reception_.strangers(), kWanUnprovenMax);
  Bytes broken = answer.front();
  broken[60] ^= std::byte{1};  // in the token
  take(broken, honest.at());
  EXPECT_EQ(reception_.strangers(), kWanUnprovenMax);
  // The liars are gone by then too.
  now_ += kQuicRetryMax + seconds(1);
  take(answer.front(), honest.at());
  EXPECT_EQ(reception_.strangers(), 0U);
}

}  // namespace
}  // namespace causeway
