// Two connections in one thread, in virtual time: a link with delay, loss,
// reordering, duplicates, and a wire that flips bits.
#include "dpdk-wan/quic/quic_connection.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <vector>

#include "tests/engine/path/tcp/test_certificates.h"

namespace causeway {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

struct Trouble {
  Duration delay = milliseconds(10);  // one way
  Duration jitter{0};
  double loss = 0;
  double duplicates = 0;
  double flips = 0;  // share of the datagrams with one bit turned
};

// One stream's owner: sends `out`, keeps what comes.
class Owner final : public QuicStreams {
 public:
  bool on_bytes(uint16_t, std::span<const std::byte> bytes) override {
    in.insert(in.end(), bytes.begin(), bytes.end());
    untaken += bytes.size();
    return true;
  }
  void on_finished(uint16_t) override { finished = true; }
  void on_acked(uint16_t, uint64_t offset) override { acked = offset; }
  void on_refused(uint16_t) override {}
  void on_open(uint16_t stream) override { open.set(stream); }
  Offer next_offer(const QuicStreamSet& blocked) override {
    if (!open.test(0) || blocked.test(0) || ended) return {};
    Offer offer;
    const size_t left = out.size() - offered;
    offer.stream = 0;
    offer.pieces[0] = {out.data() + offered, left};
    offer.count = left > 0 ? 1 : 0;
    offer.last = true;
    return offer;
  }
  void on_sent(const Offer& offer, size_t bytes) override {
    offered += bytes;
    ended = bytes == offer.pieces[0].iov_len;
  }

  std::vector<std::byte> out, in;
  size_t offered = 0, untaken = 0;
  uint64_t acked = 0;
  bool ended = false, finished = false;
  QuicStreamSet open;
};

class QuicConnectionTest : public testing::Test {
 protected:
  QuicConnectionTest() {
    a_at_ = resolve_address("192.0.2.1:1", false)->front();
    b_at_ = resolve_address("192.0.2.2:2", false)->front();
    options_.window_bytes = 4u << 20;
  }

  void begin(const char* name = "a", const char* wants = "b") {
    a_credentials_ =
        QuicCredentials::load(certificates_.files(name), wants).value();
    b_credentials_ =
        QuicCredentials::load(certificates_.files("b"), "a").value();
    a_ = QuicConnection::connect(*a_credentials_, a_at_, b_at_, options_,
                                 a_owner_, now_)
             .value();
  }

  // Steps virtual time until `enough`, an end, or `most` has passed.
  bool run(Duration most, const std::function<bool()>& enough) {
    const Instant end = now_ + most;
    while (!enough()) {
      if (trouble_seen_) return false;
      step();
      Instant next = a_ ? a_->expiry() : kNever;
      if (b_) next = std::min(next, b_->expiry());
      if (!wire_.empty()) next = std::min(next, wire_.begin()->first);
      if (next > end) return enough();
      now_ = std::max(next, now_ + Duration(1));
    }
    return true;
  }

  void step() {
    while (!wire_.empty() && wire_.begin()->first <= now_) {
      const Datagram datagram = wire_.begin()->second;
      wire_.erase(wire_.begin());
      deliver(datagram);
    }
    for (auto* end : {&a_, &b_}) {
      if (*end == nullptr) continue;
      Owner& owner = end == &a_ ? a_owner_ : b_owner_;
      if (owner.untaken > 0) (*end)->consumed(0, owner.untaken);
      owner.untaken = 0;
      if ((*end)->expiry() <= now_) note((*end)->handle_expiry(now_));
      send(end == &a_);
    }
  }

  void send(bool from_a) {
    QuicConnection& end = from_a ? *a_ : *b_;
    std::array<std::byte, kQuicPayloadBytes> room;
    size_t left = std::max(end.burst_bytes(), room.size());
    for (;;) {
      uint8_t ecn = 0;
      auto bytes = end.write(room, ecn, now_);
      if (!bytes) {
        note(bytes.error());
        return;
      }
      if (*bytes == 0) break;
      put_on_wire(from_a, std::span(room).first(*bytes));
      if (*bytes >= left) break;
      left -= *bytes;
    }
    end.burst_sent(now_);
  }

  struct Datagram {
    bool to_b = false;
    std::vector<std::byte> bytes;
  };
  void put_on_wire(bool to_b, std::span<const std::byte> bytes) {
    if (dice_(random_) < trouble_.loss) return;
    Datagram datagram{to_b, {bytes.begin(), bytes.end()}};
    if (dice_(random_) < trouble_.flips) {
      datagram.bytes[random_() % bytes.size()] ^=
          static_cast<std::byte>(1u << (random_() % 8));
    }
    const int copies = dice_(random_) < trouble_.duplicates ? 2 : 1;
    for (int i = 0; i < copies; ++i) {
      const Duration late(static_cast<int64_t>(
          dice_(random_) * static_cast<double>(trouble_.jitter.count())));
      wire_.emplace(now_ + trouble_.delay + late, datagram);
    }
  }

  void deliver(const Datagram& datagram) {
    const ReceivedPacket packet{datagram.bytes, datagram.to_b ? a_at_ : b_at_,
                                0};
    auto& end = datagram.to_b ? b_ : a_;
    bool for_end = end != nullptr && end->owns(datagram.bytes);
    if (datagram.to_b && b_ == nullptr) {
      auto made = QuicConnection::accept(*b_credentials_, b_at_, packet,
                                         options_, b_owner_, now_);
      if (!made) return;
      b_ = std::move(made).value();
      for_end = true;
    }
    if (for_end) note(end->read(packet, now_));
  }

  void note(const Status& status) {
    if (!status && !trouble_seen_) trouble_seen_ = status.error();
  }
  void note(const Error& error) {
    if (!trouble_seen_) trouble_seen_ = error;
  }

  void fill(Owner& owner, size_t bytes) {
    owner.out.resize(bytes);
    for (auto& byte : owner.out) byte = static_cast<std::byte>(random_());
  }

  TestCertificates certificates_;
  SocketAddress a_at_, b_at_;
  QuicOptions options_;
  std::optional<QuicCredentials> a_credentials_, b_credentials_;
  Owner a_owner_, b_owner_;
  std::unique_ptr<QuicConnection> a_, b_;
  Instant now_{seconds(1)};
  Trouble trouble_;
  uint64_t seed_ = std::random_device{}();
  std::mt19937_64 random_{seed_};
  std::uniform_real_distribution<double> dice_{0, 1};
  std::multimap<Instant, Datagram> wire_;
  std::optional<Error> trouble_seen_;
};

TEST_F(QuicConnectionTest, BytesArriveBothWaysAndEnd) {
  begin();
  fill(a_owner_, 3u << 20);
  fill(b_owner_, 1u << 20);
  ASSERT_TRUE(run(seconds(60), [&] {
    return a_owner_.finished && b_owner_.finished &&
           a_owner_.acked == a_owner_.out.size();
  })) << (trouble_seen_ ? trouble_seen_->message : "");
  EXPECT_TRUE(b_owner_.in == a_owner_.out);
  EXPECT_TRUE(a_owner_.in == b_owner_.out);
  EXPECT_TRUE(a_->shaken() && a_->confirmed() && b_->confirmed());
  EXPECT_GE(a_->stats().rtt, 2 * trouble_.delay);
  EXPECT_FALSE(trouble_seen_);
}

TEST_F(QuicConnectionTest, EveryTroubleOfTheWireCostsTimeAndNothingElse) {
  SCOPED_TRACE(seed_);
  trouble_.loss = 0.05;
  trouble_.duplicates = 0.1;
  trouble_.flips = 0.02;
  trouble_.jitter = milliseconds(5);
  begin();
  fill(a_owner_, 1u << 20);
  fill(b_owner_, 64u << 10);
  ASSERT_TRUE(run(seconds(300), [&] {
    return a_owner_.finished && b_owner_.finished;
  })) << (trouble_seen_ ? trouble_seen_->message : "");
  EXPECT_TRUE(b_owner_.in == a_owner_.out);
  EXPECT_TRUE(a_owner_.in == b_owner_.out);
}

TEST_F(QuicConnectionTest, SilenceEndsItAfterItsLimit) {
  options_.silence_max = seconds(20);
  begin();
  ASSERT_TRUE(run(seconds(5), [&] { return a_->shaken(); }));
  // Ten seconds of nothing are survived ...
  trouble_.loss = 1;
  EXPECT_FALSE(run(seconds(10), [&] { return trouble_seen_.has_value(); }));
  trouble_.loss = 0;
  fill(a_owner_, 100'000);
  ASSERT_TRUE(run(seconds(60), [&] { return b_owner_.finished; }));
  EXPECT_FALSE(trouble_seen_);
  // ... a minute is not.
  trouble_.loss = 1;
  const Instant start = now_;
  ASSERT_TRUE(run(seconds(60), [&] { return trouble_seen_.has_value(); }));
  EXPECT_EQ(trouble_seen_->code, ErrorCode::kConnectionLost);
  EXPECT_EQ(trouble_seen_->message, "it was silent for 20 s");
  EXPECT_LE(now_ - start, seconds(26));
}

TEST_F(QuicConnectionTest, AnIdleConnectionStaysAlive) {
  begin();
  ASSERT_TRUE(run(seconds(5), [&] { return a_->shaken(); }));
  EXPECT_FALSE(run(seconds(600), [&] { return trouble_seen_.has_value(); }));
}

TEST_F(QuicConnectionTest, APeerOfAnotherNameIsRefused) {
  begin("a", "somebody");
  ASSERT_TRUE(run(seconds(20), [&] { return trouble_seen_.has_value(); }));
  EXPECT_EQ(trouble_seen_->code, ErrorCode::kPermission);
  EXPECT_EQ(trouble_seen_->message, "its certificate is b's, not somebody's");
}

TEST_F(QuicConnectionTest, NoiseBeginsNoConnection) {
  b_credentials_ = QuicCredentials::load(certificates_.files("b"), "a").value();
  SCOPED_TRACE(seed_);
  for (int i = 0; i < 500; ++i) {
    std::vector<std::byte> bytes(1 + random_() % 1400);
    for (auto& byte : bytes) byte = static_cast<std::byte>(random_());
    deliver({true, std::move(bytes)});
    if (b_ == nullptr) continue;
    EXPECT_FALSE(b_->shaken());
    b_.reset();
  }
}

}  // namespace
}  // namespace causeway
