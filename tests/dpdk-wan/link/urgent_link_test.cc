// Two links in one thread and in virtual time, over a line that loses: what
// urgency is worth, and that nothing goes missing.
#include <gtest/gtest.h>

#include <cstdlib>
#include <functional>
#include <random>

#include "dpdk-wan/link/wan_link.h"
#include "engine/path/stream/hello.h"
#include "tests/dpdk-wan/link/virtual_wire.h"
#include "tests/engine/path/tcp/test_certificates.h"

namespace causeway {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Bytes = std::vector<std::byte>;

constexpr PathToken kUrgentToken{std::byte{7}};

Bytes random_bytes(size_t count, std::mt19937_64& dice) {
  Bytes bytes(count);
  for (std::byte& each : bytes) each = static_cast<std::byte>(dice());
  return bytes;
}

class TwoLinks {
 public:
  TwoLinks(const WireTrouble& trouble, uint64_t seed, bool fec)
      : wire_(trouble, seed) {
    const TestCertificates certificates;
    WanLinkOptions options;
    options.fec = fec;
    options.quic.window_bytes = 4u << 20;
    source_ = std::make_unique<WanLink>(
        wire_.endpoint(0),
        QuicCredentials::load(certificates.files("a"), "b").value(), options);
    options.source = false;
    target_ = std::make_unique<WanLink>(
        wire_.endpoint(1),
        QuicCredentials::load(certificates.files("b"), "a").value(), options);
    target_->listen(kUrgentToken);
    EXPECT_TRUE(source_->connect(wire_.address(1), now_));
    for (size_t i = 0; i < 2; ++i) {
      source_streams_.push_back(
          source_->take_stream(static_cast<uint16_t>(i), "target"));
    }
    introduce();
  }

  WanLink& source() { return *source_; }
  WanLink& target() { return *target_; }
  VirtualWire& wire() { return wire_; }
  ByteStream& source_stream(size_t i) { return *source_streams_[i]; }
  ByteStream& target_stream(size_t i) { return *target_streams_[i]; }

  // Until `enough`; how long it took, or `most` when it never was.
  Duration run(Duration most, const std::function<bool()>& enough) {
    const Instant from = now_;
    while (!enough()) {
      if (now_ - from >= most) return most;
      wire_.set_now(now_);
      const Instant next = std::min(source_->step(now_), target_->step(now_));
      const Instant due = std::min(next, wire_.next_arrival());
      now_ =
          std::max(now_ + Duration(1), std::min(due, now_ + milliseconds(1)));
    }
    return now_ - from;
  }

  // Sends on a stream of one end and takes it at the other; how long it took.
  Duration carry(ByteStream& from, ByteStream& to, const Bytes& bytes) {
    size_t offered = 0;
    Bytes got;
    const Duration took = run(seconds(60), [&] {
      if (offered < bytes.size()) {
        offered += from.send(std::span(bytes).subspan(offered)).bytes;
      }
      const StreamIo io = to.receive(room_);
      got.insert(got.end(), room_.begin(),
                 room_.begin() + static_cast<int64_t>(io.bytes));
      return got.size() >= bytes.size();
    });
    EXPECT_TRUE(got == bytes) << got.size() << " of " << bytes.size();
    return took;
  }

 private:
  void introduce() {
    Hello hello;
    hello.token = kUrgentToken;
    hello.stream_count = 1;
    EXPECT_GT(source_streams_[0]->send(encode_hello(hello)).bytes, 0U);
    run(seconds(30), [&] { return target_->state() == WanLink::State::kOpen; });
    ASSERT_EQ(target_->state(), WanLink::State::kOpen);
    for (size_t i = 0; i < 2; ++i) {
      target_streams_.push_back(
          target_->take_stream(static_cast<uint16_t>(i), "source"));
    }
  }

  Bytes room_ = Bytes(64u << 10);
  VirtualWire wire_;
  Instant now_{seconds(1)};
  std::unique_ptr<WanLink> source_, target_;
  std::vector<std::unique_ptr<ByteStream>> source_streams_, target_streams_;
};

class UrgentLink : public testing::Test {
 protected:
  UrgentLink() { printf("CAUSEWAY_SEED=%llu\n", ull(seed_)); }
  static unsigned long long ull(uint64_t value) { return value; }
  static uint64_t seed_of_run() {
    const char* given = std::getenv("CAUSEWAY_SEED");
    return given != nullptr ? std::strtoull(given, nullptr, 10)
                            : std::random_device{}();
  }
  const uint64_t seed_ = seed_of_run();
  std::mt19937_64 dice_{seed_};
};

// A blackout in small: bulk, a message there, an answer back. Before it, as in
// a migration, more than that has gone the ordinary way.
Duration blackout(double loss, bool fec, uint64_t seed, std::mt19937_64& dice) {
  WireTrouble trouble;
  trouble.loss = loss;
  TwoLinks links(trouble, seed, fec);
  links.carry(links.source_stream(1), links.target_stream(1),
              random_bytes(4u << 20, dice));
  links.run(milliseconds(500), [] { return false; });
  links.source_stream(0).set_urgent(true);
  links.source_stream(1).set_urgent(true);
  Duration took = links.carry(links.source_stream(1), links.target_stream(1),
                              random_bytes(512u << 10, dice));
  took += links.carry(links.source_stream(0), links.target_stream(0),
                      random_bytes(5000, dice));
  took += links.carry(links.target_stream(0), links.source_stream(0),
                      random_bytes(100, dice));
  EXPECT_EQ(links.source().symbols().sent().groups > 0, fec);
  EXPECT_EQ(links.target().symbols().sent().groups > 0, fec)
      << "the answer goes the way the question came";
  return took;
}

TEST_F(UrgentLink, CostsNextToNothingWithoutLoss) {
  const Duration with = blackout(0, true, seed_, dice_);
  const Duration without = blackout(0, false, seed_, dice_);
  EXPECT_LT(with, without + milliseconds(20));
}

TEST_F(UrgentLink, SavesRoundTripsWhenPacketsAreLost) {
  for (const double loss : {0.01, 0.03}) {
    std::vector<double> with, without;
    for (int run = 0; run < 5; ++run) {
      const uint64_t seed = dice_();
      with.push_back(causeway::milliseconds(blackout(loss, true, seed, dice_)));
      without.push_back(
          causeway::milliseconds(blackout(loss, false, seed, dice_)));
    }
    std::nth_element(with.begin(), with.begin() + 2, with.end());
    std::nth_element(without.begin(), without.begin() + 2, without.end());
    printf("loss %.2f: median %.0f ms with repair, %.0f without\n", loss,
           with[2], without[2]);
    // A round trip is 100 ms; half of one is far beyond what dice do.
    EXPECT_LT(with[2] + 50, without[2]) << loss;
  }
}

TEST_F(UrgentLink, LosesNothingWhateverIsLost) {
  for (int run = 0; run < 8; ++run) {
    WireTrouble trouble;
    trouble.loss = std::uniform_real_distribution<double>(0, 0.2)(dice_);
    trouble.reorder = std::uniform_real_distribution<double>(0, 0.3)(dice_);
    trouble.delay = milliseconds(1 + dice_() % 50);
    SCOPED_TRACE(testing::Message()
                 << "run " << run << " loss " << trouble.loss);
    TwoLinks links(trouble, dice_(), true);
    for (int turn = 0; turn < 6; ++turn) {
      links.source_stream(1).set_urgent(turn % 2 == 1);
      links.source_stream(0).set_urgent(turn % 3 != 0);
      links.carry(links.source_stream(1), links.target_stream(1),
                  random_bytes(dice_() % 400'000, dice_));
      links.carry(links.source_stream(0), links.target_stream(0),
                  random_bytes(dice_() % 20'000, dice_));
      links.carry(links.target_stream(0), links.source_stream(0),
                  random_bytes(dice_() % 5'000, dice_));
    }
    EXPECT_GT(links.source().symbols().sent().groups, 0U);
    // All arrives, then both ends are said.
    links.source_stream(1).finish();
    links.source().close();
    EXPECT_LT(links.run(seconds(20), [&] { return links.source().done(); }),
              seconds(3));
  }
}

// Nothing passes for a while, in mid-run: all that congestion control allows is
// on its way, and lost.
TEST_F(UrgentLink, GoesOnAfterABlackHole) {
  for (int run = 0; run < 10; ++run) {
    WireTrouble trouble;
    trouble.loss = 0.05;
    trouble.delay = milliseconds(1 + dice_() % 50);
    TwoLinks links(trouble, dice_(), true);
    links.source_stream(1).set_urgent(true);
    const Bytes bytes = random_bytes(3u << 20, dice_);
    size_t offered = 0, got = 0;
    Bytes room(bytes.size());
    const auto move = [&] {
      offered +=
          links.source_stream(1).send(std::span(bytes).subspan(offered)).bytes;
      got += links.target_stream(1).receive(std::span(room).subspan(got)).bytes;
      return got == bytes.size();
    };
    links.run(milliseconds(50 + dice_() % 200), move);
    links.wire().set_loss(1);
    links.run(milliseconds(dice_() % 1000), move);
    links.wire().set_loss(0.05);
    EXPECT_LT(links.run(seconds(15), move), seconds(15))
        << "run " << run << ": " << got << " bytes";
    EXPECT_TRUE(room == bytes);
  }
}

// How long after the line has healed a word is heard that was sent while it
// was silent, or on its way when it fell silent.
Duration heard_after(Duration silence, bool from_source, bool urgent,
                     uint64_t seed, std::mt19937_64& dice) {
  TwoLinks links({}, seed, true);
  links.run(milliseconds(500), [] { return false; });
  links.source_stream(0).set_urgent(urgent);
  links.carry(links.source_stream(0), links.target_stream(0),
              random_bytes(1000, dice));
  links.run(milliseconds(500), [] { return false; });
  ByteStream& from =
      from_source ? links.source_stream(0) : links.target_stream(0);
  ByteStream& to =
      from_source ? links.target_stream(0) : links.source_stream(0);
  links.wire().set_loss(1);
  const Bytes word = random_bytes(5000, dice);
  EXPECT_EQ(from.send(word).bytes, word.size());
  Bytes got(word.size());
  size_t bytes = 0;
  const auto heard = [&] {
    bytes += to.receive(std::span(got).subspan(bytes)).bytes;
    return bytes == word.size();
  };
  links.run(silence, heard);
  EXPECT_EQ(bytes, 0U);
  links.wire().set_loss(0);
  const Duration took = links.run(seconds(30), heard);
  EXPECT_TRUE(got == word) << bytes;
  return took;
}

// A try in 250 ms, there and back, and what it showed to be lost.
TEST_F(UrgentLink, HearsSoonThatASilentLineHasHealed) {
  Duration longest{0};
  for (const bool from_source : {true, false}) {
    for (const int tenths : {7, 10, 31, 53, 100, 150}) {
      const Duration silence = milliseconds(100 * tenths);
      const uint64_t seed = dice_();
      const Duration urgent =
          heard_after(silence, from_source, true, seed, dice_);
      const Duration patient =
          heard_after(silence, from_source, false, seed, dice_);
      printf("%s silent for %.1f s: heard %.0f ms later; not urgent %.0f\n",
             from_source ? "source" : "target", tenths / 10.0,
             causeway::milliseconds(urgent), causeway::milliseconds(patient));
      EXPECT_LT(urgent, kQuicInsistMin + milliseconds(2 * 100));
      longest = std::max(longest, patient);
    }
  }
  EXPECT_GT(longest, seconds(2)) << "then urgency is worth nothing here";
}

// The line falls silent in mid-run, with all on its way that congestion control
// allows: what is kept of it is enough for the tries.
TEST_F(UrgentLink, HearsItAlsoWithAFullWindow) {
  for (const int silence_s : {1, 4, 10, 15}) {
    WireTrouble trouble;
    trouble.loss = 0.01;
    TwoLinks links(trouble, dice_(), true);
    links.carry(links.source_stream(1), links.target_stream(1),
                random_bytes(2u << 20, dice_));
    links.source_stream(1).set_urgent(true);
    const Bytes bytes = random_bytes(12u << 20, dice_);
    Bytes room(bytes.size());
    size_t offered = 0, got = 0;
    const auto move = [&] {
      offered +=
          links.source_stream(1).send(std::span(bytes).subspan(offered)).bytes;
      got += links.target_stream(1).receive(std::span(room).subspan(got)).bytes;
      return got == bytes.size();
    };
    links.run(milliseconds(600), move);
    links.wire().set_loss(1);
    links.run(seconds(silence_s), move);
    const size_t before = got;
    ASSERT_GT(before, 0U);
    ASSERT_LT(before, bytes.size());
    links.wire().set_loss(0.01);
    const Duration took =
        links.run(seconds(15), [&] { return move() || got > before; });
    printf("silent for %d s in mid-run: goes on %.0f ms later\n", silence_s,
           causeway::milliseconds(took));
    // The round trip is longer by a queue, and a try may be lost besides.
    EXPECT_LT(took, milliseconds(1500));
    EXPECT_LT(links.run(seconds(30), move), seconds(30));
    EXPECT_TRUE(room == bytes);
  }
}

// The target's last word is that the guest runs. It closes at once, and the
// line is silent for longer than any other end would wait.
TEST_F(UrgentLink, TheTargetsLastWordOutlivesABlackHole) {
  for (const bool urgent : {true, false}) {
    SCOPED_TRACE(urgent ? "urgent" : "not urgent");
    TwoLinks links({}, dice_(), true);
    links.carry(links.source_stream(0), links.target_stream(0),
                random_bytes(1000, dice_));
    links.wire().set_loss(1);
    const Bytes word = random_bytes(100, dice_);
    links.target_stream(0).set_urgent(urgent);
    EXPECT_EQ(links.target_stream(0).send(word).bytes, word.size());
    links.target().close();
    Bytes got(2 * word.size());
    size_t bytes = 0;
    const auto heard = [&] {
      bytes +=
          links.source_stream(0).receive(std::span(got).subspan(bytes)).bytes;
      return bytes >= word.size();
    };
    EXPECT_EQ(links.run(seconds(10), heard), seconds(10));
    ASSERT_FALSE(links.target().done()) << "it has given up";
    links.wire().set_loss(0);
    EXPECT_LT(links.run(seconds(9), heard), seconds(9));
    got.resize(bytes);
    EXPECT_TRUE(got == word);
    EXPECT_LT(links.run(seconds(3), [&] { return links.target().done(); }),
              seconds(3));
  }
}

// Every symbol of the end is lost: QUIC alone would not notice.
TEST_F(UrgentLink, NoticesThatTheLastSymbolsAreLost) {
  TwoLinks links({}, seed_, true);
  links.source_stream(0).set_urgent(true);
  links.carry(links.source_stream(0), links.target_stream(0),
              random_bytes(100, dice_));
  links.run(milliseconds(300), [] { return false; });
  links.wire().set_loss(1);
  const Bytes last = random_bytes(300, dice_);
  ASSERT_EQ(links.source_stream(0).send(last).bytes, last.size());
  links.run(milliseconds(20), [] { return false; });
  EXPECT_GT(links.wire().lost(), 0U);
  links.wire().set_loss(0);
  Bytes room(last.size());
  size_t got = 0;
  const Duration took = links.run(seconds(10), [&] {
    got += links.target_stream(0).receive(std::span(room).subspan(got)).bytes;
    return got == last.size();
  });
  EXPECT_TRUE(room == last);
  EXPECT_LT(took, seconds(1));
  EXPECT_GT(links.source().symbols().sent().resent, 0U);
}

}  // namespace
}  // namespace causeway
