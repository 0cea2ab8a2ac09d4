// What an end of a connection for pulls makes of a peer that it must not
// believe (tests/labs/rdma).
#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <thread>
#include <vector>

#include "engine/path/tcp/tcp_socket.h"
#include "engine/runtime/clock.h"
#include "rdma/rdma_pull.h"
#include "tests/rdma/guest_ram.h"
#include "tests/rdma/rdma_lab.h"

namespace causeway {
namespace {

constexpr auto kHung = std::chrono::seconds(30);
constexpr uint64_t kBlocks = 1024;
constexpr uint16_t kPullWorker = kStreamsMax;

RdmaOptions at(const std::string& address) {
  RdmaOptions options;
  options.device_addresses = {address + ":0"};
  options.timeout = std::chrono::seconds(20);
  return options;
}

// The next of that kind; fails the test when none comes.
RdmaCompletion await(RdmaEndpoint& endpoint, RdmaCompletion::Kind kind) {
  const Instant begin = monotonic_now();
  while (monotonic_now() - begin < kHung) {
    RdmaCompletion done;
    const auto found = endpoint.poll(std::span(&done, 1));
    if (!found) break;
    if (*found == 1 && done.kind == kind) return done;
  }
  ADD_FAILURE() << "nothing came";
  return {};
}

RdmaRecord want(const BlockRange& extent) {
  return {RecordKind::kWant, 0, {}, extent};
}
RdmaRecord drop(const BlockRange& extent) {
  return {RecordKind::kDrop, 0, {}, extent};
}

// An exposure, and a target that says what it likes.
class FalseTarget {
 public:
  FalseTarget() : ram_(kBlocks * kBlockBytes) {
    const auto [source, target] = RdmaLab::addresses();
    ram_.fill(0, 8, 1);
    auto listener = RdmaListener::listen({target + ":0"}).value();
    const RdmaOffer offer{1, {}, listener.addresses()};
    RdmaOptions exposing = at(source);
    exposing.stores = {ram_.store.get()};
    std::thread connecting(
        [&] { exposure_ = connect_exposure(offer, exposing).value(); });
    const Deadline deadline(kHung);
    endpoint_ =
        listener.await(offer.secret, kPullWorker, {}, -1, deadline).value();
    EXPECT_TRUE(RdmaListener::accept(*endpoint_, std::span<const std::byte>(),
                                     deadline));
    connecting.join();
  }
  void say(uint64_t number, const std::vector<RdmaRecord>& records) {
    RdmaMessageWriter writer(endpoint_->outgoing(0), number);
    for (const RdmaRecord& one : records) writer.add(one);
    EXPECT_TRUE(endpoint_->post({}, 0, writer.finish()));
  }
  // What the exposure makes of it.
  ErrorCode refusal() {
    const Instant begin = monotonic_now();
    while (monotonic_now() - begin < kHung) {
      const auto moved = exposure_->poll();
      if (moved) continue;
      EXPECT_EQ(exposure_->pinned_bytes(), 0u) << "it is exposed still";
      return moved.error().code;
    }
    return ErrorCode::kTimeout;
  }

 private:
  GuestRam ram_;
  std::unique_ptr<RdmaExposure> exposure_;
  std::unique_ptr<RdmaEndpoint> endpoint_;
};

TEST(RdmaPullTrustTest, ATargetThatBreaksTheRulesIsLeft) {
  const BlockRange all{0, 0, 8};
  const RdmaRecord fence{RecordKind::kPlain, 0, Frame{1, {}}, {}};
  const std::vector<std::vector<RdmaRecord>> wrong = {
      {want({1, 0, 1})},                   // no such region
      {want({0, kBlocks, 1})},             // beyond the end
      {want({0, 0, 1}), want({0, 7, 1})},  // lent already
      {drop(all)},                         // not lent
      {want({0, 0, 1}), drop({0, 0, 7})},  // not as it was lent
      {want({0, 0, 1}), fence},            // nothing of a pull's
  };
  for (size_t i = 0; i < wrong.size(); ++i) {
    FalseTarget target;
    target.say(1, wrong[i]);
    EXPECT_EQ(target.refusal(), ErrorCode::kPeerBroken) << i;
  }
  FalseTarget target;
  target.say(2, {want({0, 0, 1})});
  EXPECT_EQ(target.refusal(), ErrorCode::kPeerBroken);
}

// A puller, and a source that answers what it likes: what became of the pull.
PullDone::Outcome pull_from(
    const std::function<RdmaKey(const BlockRange&)>& answer) {
  const auto [source, target] = RdmaLab::addresses();
  auto listener = RdmaPullListener::listen(at(target)).value();
  const Deadline deadline(kHung);
  std::unique_ptr<RdmaEndpoint> endpoint;
  std::thread connecting([&, from = source] {
    endpoint =
        connect_plain(resolve_address(from + ":0", true).value().front(),
                      resolve_address(listener.offer().addresses.front(), false)
                          .value()
                          .front(),
                      listener.offer().secret, kPullWorker, {}, deadline)
            .value()
            .endpoint;
  });
  std::vector<std::byte> landing(kBlockBytes);
  auto puller = listener.accept(landing).value();
  connecting.join();
  const Pull pull{1, {0, 5, 1}, landing};
  EXPECT_EQ(puller->post(std::span(&pull, 1)).value(), 1u);
  const auto question = await(*endpoint, RdmaCompletion::Kind::kReceived);
  auto reader = RdmaMessageReader::open(
      endpoint->incoming(question.buffer).first(question.bytes));
  RdmaAnswerWriter writer(endpoint->outgoing(0));
  writer.add(answer(reader.value().next().value().extent));
  EXPECT_TRUE(endpoint->post({}, 0, writer.finish(1)));
  const Instant begin = monotonic_now();
  PullDone done;
  while (puller->poll(monotonic_now(), std::span(&done, 1)) == 0) {
    if (monotonic_now() - begin < kHung) continue;
    ADD_FAILURE() << "the pull is forgotten";
    break;
  }
  return done.outcome;
}

TEST(RdmaPullTrustTest, ASourceThatBreaksTheRulesIsLeft) {
  EXPECT_EQ(pull_from([](const BlockRange& wanted) {
              return RdmaKey{wanted, false, 0, 0, true};
            }),
            PullDone::Outcome::kLanded)
      << "an answer that is right";
  EXPECT_EQ(pull_from([](const BlockRange&) {
              return RdmaKey{{0, 6, 1}, true, 0x10000, 7};
            }),
            PullDone::Outcome::kLost)
      << "another extent";
  EXPECT_EQ(pull_from([](const BlockRange& wanted) {
              return RdmaKey{wanted, true, 0x10000, 7};
            }),
            PullDone::Outcome::kLost)
      << "a key that the device does not know";
}

TEST(RdmaPullTrustTest, AStrangerIsTurnedAwayAndTheSourceLetIn) {
  const auto [source, target] = RdmaLab::addresses();
  auto listener = RdmaPullListener::listen(at(target)).value();
  RdmaOptions exposing = at(source);
  RdmaOffer guessed = listener.offer();
  guessed.secret.back() ^= std::byte{1};
  std::thread connecting([&] {
    const auto stranger = connect_exposure(guessed, exposing);
    ASSERT_FALSE(stranger);
    EXPECT_EQ(stranger.error().code, ErrorCode::kPermission);
    EXPECT_TRUE(connect_exposure(listener.offer(), exposing));
  });
  std::vector<std::byte> landing(kBlockBytes);
  EXPECT_TRUE(listener.accept(landing));
  connecting.join();
}

}  // namespace
}  // namespace causeway
