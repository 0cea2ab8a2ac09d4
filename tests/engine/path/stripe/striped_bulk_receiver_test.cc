// What a striped receiver believes of a lane: records by a lane's own channel,
// as a peer that breaks the rules has it.
#include "engine/path/stripe/striped_bulk_receiver.h"

#include <gtest/gtest.h>

#include <array>
#include <chrono>

#include "tests/contract/memory_sink.h"
#include "tests/engine/path/stripe/stripe_rig.h"

namespace causeway {
namespace {

class StripedReceiver : public testing::Test {
 protected:
  StripedReceiver() {
    for (uint32_t i = 0; i < lanes_.size(); ++i) {
      lanes_[i] = rig_.link(i).outbound()->open_bulk(0).value();
    }
  }
  void send(uint32_t lane, uint64_t block, uint64_t sequence) {
    const Put put{{PutKind::kRaw, 0, 1, block, 1, kBlockBytes, sequence},
                  block_};
    ASSERT_EQ(lanes_[lane]->post(std::span(&put, 1)).value(), 1u);
  }
  void send_fence(uint32_t lane, FenceId fence, uint64_t sequence) {
    Put put;
    put.head.kind = PutKind::kStripeFence;
    put.head.first_block = fence;
    put.head.sequence = sequence;
    ASSERT_EQ(lanes_[lane]->post(std::span(&put, 1)).value(), 1u);
  }
  Result<bool> receive() {
    rig_.pass(std::chrono::milliseconds(10));
    return receiver_->poll(rig_.now());
  }
  void expect_refused() {
    const auto got = receive();
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().code, ErrorCode::kPeerBroken) << got.error().message;
    EXPECT_FALSE(receive()) << "for good";
  }

  StripeRig rig_{{{1e9, Duration(0)}, {1e9, Duration(0)}}};
  MemorySink sink_{1u << 20};
  std::unique_ptr<BulkReceiver> receiver_ =
      rig_.inbound().accept_bulk(0, sink_).value();
  std::array<std::unique_ptr<BulkChannel>, 2> lanes_;
  std::vector<std::byte> block_ =
      std::vector<std::byte>(kBlockBytes, std::byte{7});
};

TEST_F(StripedReceiver, FenceWaitsForWhatIsMissingOnAnotherLane) {
  send(0, 1, 1);
  send_fence(0, 9, 3);
  send(0, 4, 4);
  ASSERT_TRUE(receive());
  EXPECT_EQ(sink_.landed.size(), 2u) << "nothing waits for a slower lane";
  EXPECT_EQ(receiver_->fence_landed(), 0u);
  send(1, 2, 2);
  ASSERT_TRUE(receive());
  EXPECT_EQ(receiver_->fence_landed(), 9u);
  EXPECT_EQ(sink_.landed.back().sequence, 0u) << "the sink knows no stripes";
}

TEST_F(StripedReceiver, RecordThatComesTwiceLandsOnce) {
  for (const uint64_t sequence : {1, 3, 3, 1, 2, 2, 1}) {
    send(sequence % 2, sequence, sequence);
  }
  send_fence(0, 5, 4);
  send_fence(1, 5, 4);
  ASSERT_TRUE(receive());
  EXPECT_EQ(sink_.landed.size(), 3u);
  EXPECT_EQ(receiver_->fence_landed(), 5u);
}

TEST_F(StripedReceiver, RecordWithoutASequenceIsRefused) {
  send(0, 1, 0);
  expect_refused();
  EXPECT_TRUE(sink_.landed.empty());
}

TEST_F(StripedReceiver, RecordBeyondTheWindowIsRefused) {
  send(0, 1, kStripeRecordsMax);
  ASSERT_TRUE(receive());
  send(0, 2, kStripeRecordsMax + 1);
  expect_refused();
  EXPECT_EQ(sink_.landed.size(), 1u);
}

TEST_F(StripedReceiver, FencesInTheWrongOrderAreRefused) {
  send_fence(0, 9, 1);
  ASSERT_TRUE(receive());
  send_fence(1, 9, 2);
  expect_refused();
}

TEST_F(StripedReceiver, RefusalOfTheSinkEndsEveryLane) {
  sink_.refuse_block = 5;
  send(1, 5, 1);
  expect_refused();
  EXPECT_FALSE(lanes_[0]->poll(rig_.now()));
  EXPECT_FALSE(lanes_[1]->poll(rig_.now()));
}

TEST_F(StripedReceiver, LanesThatCloseWithARecordMissingAreALoss) {
  send(0, 1, 2);
  lanes_[0].reset();
  lanes_[1].reset();
  auto got = receive();
  while (got && *got) got = receive();
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code, ErrorCode::kConnectionLost);
  EXPECT_FALSE(receiver_->closed());
}

}  // namespace
}  // namespace causeway
