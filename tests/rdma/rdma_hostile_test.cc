// Sources that do not keep to the rules, on real verbs (tests/labs/rdma): who
// does not know the secret, and who knows it and says what must not be.
#include <gtest/gtest.h>
#include <infiniband/verbs.h>

#include <array>
#include <chrono>
#include <cstring>
#include <functional>
#include <thread>

#include "engine/path/tcp/tcp_connector.h"
#include "engine/runtime/clock.h"
#include "rdma/verbs/rendezvous.h"
#include "rdma/wire/offer.h"
#include "rdma/wire/record.h"
#include "tests/rdma/rdma_lab.h"

namespace causeway {
namespace {

constexpr PathToken kToken{std::byte{5}};
constexpr Duration kPatience = std::chrono::seconds(20);
constexpr uint64_t kSinkBytes = 4u << 20;

// A target with a sink of its own; the source is the test.
class RdmaHostileTest : public testing::Test {
 protected:
  void SetUp() override {
    const auto [source, target] = RdmaLab::addresses();
    RdmaOptions options;
    options.timeout = kPatience;
    options.device_addresses = {target + ":0"};
    listener_.emplace(RdmaPathListener::listen("127.0.0.1:0", options).value());
    std::thread accepting([&] {
      auto accepted = listener_->accept(kToken, options);
      ASSERT_TRUE(accepted) << accepted.error().message;
      inbound_ = std::move(accepted).value();
    });
    connect(source);
    accepting.join();
    receiver_ = inbound_->accept_bulk(0, sink_).value();
  }

  void connect(const std::string& source) {
    TcpConnectOptions tcp;
    streams_ = TcpConnector::connect_streams(listener_->address(), kToken, tcp)
                   .value();
    const Deadline deadline(kPatience);
    std::array<std::byte, RdmaOffer::kBytes> bytes;
    ASSERT_TRUE(receive_whole(streams_[0], bytes, deadline));
    const RdmaOffer offer = decode_offer(bytes).value();
    const auto from = resolve_address(source + ":0", true).value().front();
    const auto to =
        resolve_address(offer.addresses.front(), false).value().front();
    // A stranger first, who has seen where the device is: turned away, and
    // nobody is disturbed.
    RdmaSecret guess = offer.secret;
    guess[31] ^= std::byte{1};
    const auto refused = connect_endpoint(from, to, guess, 0, {}, deadline);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::kPermission);
    EXPECT_FALSE(connect_endpoint(from, to, offer.secret, 1, {}, deadline))
        << "another worker";
    connection_.emplace(
        connect_endpoint(from, to, offer.secret, 0, {}, deadline).value());
    ASSERT_TRUE(
        send_whole(streams_[0], encode_verdict(RdmaVerdict::kRdma), deadline));
  }

  // Sends what `write` makes of a message's buffer; what the target says.
  Result<bool> after(const std::function<uint32_t(std::span<std::byte>)>& write,
                     uint32_t buffer = 0) {
    RdmaEndpoint& endpoint = *connection_->endpoint;
    const uint32_t bytes = write(endpoint.outgoing(buffer));
    EXPECT_TRUE(endpoint.post({}, buffer, bytes));
    return what_the_target_says();
  }

  Result<bool> what_the_target_says() {
    const Instant until = monotonic_now() + kPatience;
    while (monotonic_now() < until) {
      auto moved = receiver_->poll(monotonic_now());
      if (!moved || *moved) return moved;
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    return make_error(ErrorCode::kTimeout, "the target has taken nothing");
  }

  Result<bool> after_record(const RdmaRecord& record, uint64_t number = 1,
                            uint32_t buffer = 0) {
    return after(
        [&](std::span<std::byte> out) {
          RdmaMessageWriter writer(out, number);
          writer.add(record);
          return writer.finish();
        },
        buffer);
  }

  // The target ends the channel, and says so again; the sink had nothing.
  void expect_ended(const Result<bool>& said) {
    ASSERT_FALSE(said);
    EXPECT_EQ(said.error().code, ErrorCode::kPeerBroken)
        << said.error().message;
    EXPECT_FALSE(receiver_->poll(monotonic_now()));
    EXPECT_TRUE(sink_.landed.empty());
  }

  MemorySink sink_{kSinkBytes};
  std::optional<RdmaPathListener> listener_;
  std::vector<TcpStream> streams_;
  std::unique_ptr<InboundPath> inbound_;
  std::unique_ptr<BulkReceiver> receiver_;
  std::optional<RdmaConnection> connection_;
};

TEST_F(RdmaHostileTest, NoiseEndsTheChannel) {
  expect_ended(after([](std::span<std::byte> out) {
    std::memset(out.data(), 0x5a, out.size());
    return static_cast<uint32_t>(out.size());
  }));
}

// It takes a buffer of the target's as a message does, and is longer than that.
TEST_F(RdmaHostileTest, AWriteWithImmediateIsNoMessage) {
  RdmaEndpoint& endpoint = *connection_->endpoint;
  std::vector<std::byte> noise(16 * kBlockBytes, std::byte{0x77});
  const auto key = endpoint.register_memory(noise, 0);
  ASSERT_TRUE(key) << key.error().message;
  ibv_sge piece{reinterpret_cast<uint64_t>(noise.data()),
                static_cast<uint32_t>(noise.size()), (*key)->lkey};
  ibv_send_wr request{};
  request.opcode = IBV_WR_RDMA_WRITE_WITH_IMM;
  request.send_flags = IBV_SEND_SIGNALED;
  request.sg_list = &piece;
  request.num_sge = 1;
  request.wr.rdma.remote_addr = connection_->welcome.staging_address;
  request.wr.rdma.rkey = connection_->welcome.staging_key;
  ibv_send_wr* bad = nullptr;
  ASSERT_EQ(ibv_post_send(endpoint.id()->qp, &request, &bad), 0);
  expect_ended(what_the_target_says());
}

TEST_F(RdmaHostileTest, ATruncatedMessageEndsTheChannel) {
  expect_ended(after([](std::span<std::byte> out) {
    RdmaMessageWriter writer(out, 1);
    writer.add({RecordKind::kPlain, 0, Frame{1, {}}, {}});
    return writer.finish() - 1;
  }));
}

TEST_F(RdmaHostileTest, AMessageOutOfOrderEndsTheChannel) {
  expect_ended(
      after_record({RecordKind::kPlain, 0, Frame{1, {}}, {}}, /*number=*/2));
}

TEST_F(RdmaHostileTest, AReplayedMessageEndsTheChannel) {
  const RdmaRecord fence{RecordKind::kPlain, 0, Frame{1, {}}, {}};
  ASSERT_TRUE(after_record(fence, 1));
  EXPECT_EQ(receiver_->fence_landed(), 1u);
  expect_ended(after_record(fence, 1, /*buffer=*/1));
}

TEST_F(RdmaHostileTest, NobodyGetsAKeyToWhatIsNotExposed) {
  expect_ended(after_record({RecordKind::kWant, 0, {}, {0, 0, 16}}));
}

TEST_F(RdmaHostileTest, WhatNobodyHasCannotBeGivenBack) {
  expect_ended(after_record({RecordKind::kDrop, 0, {}, {0, 0, 16}}));
}

// Of a put whose blocks lie nowhere.
RdmaRecord beyond(RecordKind kind) {
  const PutHead head{PutKind::kRaw, 0, 1, kSinkBytes / kBlockBytes, 1,
                     kBlockBytes};
  return {kind, 0, Frame{0, head}, {}};
}

TEST_F(RdmaHostileTest, BlocksBeyondTheRegionAreNotWritten) {
  expect_ended(after_record(beyond(RecordKind::kInPlace)));
}

TEST_F(RdmaHostileTest, BlocksBeyondTheRegionAreNotStaged) {
  expect_ended(after_record(beyond(RecordKind::kStaged)));
}

// The ring's key is good for the ring alone: a WRITE beside it breaks the
// connection, which the target takes for a lost one.
TEST_F(RdmaHostileTest, AWriteBesideTheRingLandsNowhere) {
  RdmaEndpoint& endpoint = *connection_->endpoint;
  std::vector<std::byte> noise(kBlockBytes, std::byte{0x77});
  const auto key = endpoint.register_memory(noise, 0);
  ASSERT_TRUE(key) << key.error().message;
  const RdmaWelcome& welcome = connection_->welcome;
  const RdmaWrite write{reinterpret_cast<uint64_t>(noise.data()), (*key)->lkey,
                        welcome.staging_address + welcome.staging_bytes - 100,
                        welcome.staging_key, kBlockBytes};
  ASSERT_TRUE(endpoint.post(std::span(&write, 1), 0, 16));
  std::array<RdmaCompletion, 4> done;
  Result<size_t> found = size_t{0};
  const Instant until = monotonic_now() + kPatience;
  while (found && monotonic_now() < until) found = endpoint.poll(done);
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code, ErrorCode::kConnectionLost);
  EXPECT_TRUE(sink_.landed.empty());
}

}  // namespace
}  // namespace causeway
