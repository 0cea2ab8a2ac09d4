// What is particular to the virtual link: when things happen. What it shares
// with every path is in tests/contract/path_contract.
#include "engine/path/loopback/virtual_link.h"

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <vector>

namespace causeway {
namespace {

using std::chrono::milliseconds;

constexpr Instant at(Duration since_start) { return Instant(since_start); }

class RecordingSink final : public PutSink {
 public:
  Result<std::span<std::byte>> begin(const PutHead& head) override {
    return std::span(place_).first(head.payload_bytes);
  }
  Status end(const PutHead& head) override {
    landed.push_back(head);
    return {};
  }
  Status written(const PutHead& head) override { return end(head); }
  std::vector<PutHead> landed;
  const std::vector<std::byte>& place() const { return place_; }

 private:
  std::vector<std::byte> place_ = std::vector<std::byte>(256u << 10);
};

// 1 MB/s and 10 ms: a put of 4096 + 40 bytes takes 4.136 ms to depart.
class VirtualLinkTest : public testing::Test {
 protected:
  Put raw_put(uint64_t first_block) const {
    return {{PutKind::kRaw, 0, 1, first_block, 1, kBlockBytes}, page_};
  }

  const Duration kDeparture = transfer_time(kBlockBytes + 40, 1e6);
  const Duration kDelay = milliseconds(10);

  std::vector<std::byte> page_ =
      std::vector<std::byte>(kBlockBytes, std::byte{0xa5});
  VirtualLink link_{{1e6, kDelay, 2 * (kBlockBytes + 40)}};
  std::unique_ptr<OutboundPath> outbound_ = link_.outbound();
  std::unique_ptr<InboundPath> inbound_ = link_.inbound();
  RecordingSink sink_;
  std::unique_ptr<BulkChannel> channel_ = outbound_->open_bulk(0).value();
  std::unique_ptr<BulkReceiver> receiver_ =
      inbound_->accept_bulk(0, sink_).value();
  WaitSet none_;
};

TEST_F(VirtualLinkTest, PutDepartsAfterItsBytesAndArrivesOneDelayLater) {
  const std::array puts{raw_put(0)};
  ASSERT_EQ(channel_->post(puts).value(), 1u);
  EXPECT_EQ(channel_->wait_on(none_), at(kDeparture));
  EXPECT_EQ(receiver_->wait_on(none_), at(kDeparture + kDelay));

  EXPECT_FALSE(receiver_->poll(at(kDeparture + kDelay - Duration(1))).value());
  EXPECT_TRUE(sink_.landed.empty());
  EXPECT_TRUE(receiver_->poll(at(kDeparture + kDelay)).value());
  EXPECT_EQ(sink_.landed.size(), 1u);
  EXPECT_EQ(receiver_->wait_on(none_), kNever);
  EXPECT_TRUE(none_.entries().empty());
}

TEST_F(VirtualLinkTest, ChannelsShareTheRate) {
  auto other = outbound_->open_bulk(1).value();
  RecordingSink other_sink;
  auto other_receiver = inbound_->accept_bulk(1, other_sink).value();
  const std::array puts{raw_put(0)};
  ASSERT_EQ(channel_->post(puts).value(), 1u);
  ASSERT_EQ(other->post(puts).value(), 1u);
  EXPECT_EQ(other_receiver->wait_on(none_), at(2 * kDeparture + kDelay));
}

TEST_F(VirtualLinkTest, QueueIsBoundedAndDrainsAtTheRate) {
  const std::array puts{raw_put(0), raw_put(1), raw_put(2)};
  EXPECT_EQ(channel_->post(puts).value(), 2u);
  EXPECT_EQ(channel_->poll(at(kDeparture)).value().puts_released, 1u);
  EXPECT_EQ(channel_->post(std::span(puts).last(1)).value(), 1u);
}

TEST_F(VirtualLinkTest, FenceIsAnsweredOneRoundTripLater) {
  ASSERT_TRUE(channel_->post_fence(7).value());
  const Instant arrives = receiver_->wait_on(none_);
  ASSERT_TRUE(receiver_->poll(arrives).value());
  EXPECT_EQ(receiver_->fence_landed(), 7u);
  ASSERT_TRUE(channel_->poll(arrives));
  const Instant answered = channel_->wait_on(none_);
  EXPECT_GE(answered, arrives + kDelay);
  EXPECT_EQ(channel_->poll(answered - Duration(1)).value().fence_landed, 0u);
  EXPECT_EQ(channel_->poll(answered).value().fence_landed, 7u);
}

TEST_F(VirtualLinkTest, WhatIsPostedLaterStartsLater) {
  link_.advance(at(milliseconds(500)));
  const std::array puts{raw_put(0)};
  ASSERT_EQ(channel_->post(puts).value(), 1u);
  EXPECT_EQ(receiver_->wait_on(none_),
            at(milliseconds(500) + kDeparture + kDelay));
}

TEST_F(VirtualLinkTest, ControlMessagesTravelWithTheDelay) {
  auto source = outbound_->open_control().value();
  auto target = inbound_->accept_control().value();
  ASSERT_TRUE(source->send(std::span(page_).first(92)));
  const Instant arrives = at(transfer_time(100, 1e6) + kDelay);
  EXPECT_EQ(target->wait_on(none_), arrives);
  EXPECT_FALSE(target->receive(arrives - Duration(1)).value().has_value());
  EXPECT_EQ(target->receive(arrives).value()->size(), 92u);
}

TEST_F(VirtualLinkTest, CutBreaksEverythingAtOnce) {
  auto source = outbound_->open_control().value();
  auto target = inbound_->accept_control().value();
  const std::array puts{raw_put(0)};
  ASSERT_EQ(channel_->post(puts).value(), 1u);
  link_.cut();
  const auto lost = ErrorCode::kConnectionLost;
  EXPECT_EQ(channel_->post(puts).error().code, lost);
  EXPECT_EQ(channel_->poll(at(Duration(0))).error().code, lost);
  EXPECT_EQ(channel_->wait_on(none_), at(Duration(0)));
  EXPECT_EQ(receiver_->poll(at(milliseconds(100))).error().code, lost);
  EXPECT_EQ(source->send(page_).error().code, lost);
  EXPECT_EQ(target->receive(at(milliseconds(100))).error().code, lost);
  EXPECT_EQ(outbound_->open_bulk(2).error().code, lost);
  EXPECT_TRUE(sink_.landed.empty());
}

TEST_F(VirtualLinkTest, TamperTouchesOnlyTheLinksCopy) {
  link_.set_tamper([](PutHead&, std::span<std::byte> payload) {
    payload[100] ^= std::byte{1};
  });
  const std::array puts{raw_put(0)};
  ASSERT_EQ(channel_->post(puts).value(), 1u);
  ASSERT_TRUE(receiver_->poll(receiver_->wait_on(none_)).value());
  EXPECT_EQ(sink_.place()[99], std::byte{0xa5});
  EXPECT_EQ(sink_.place()[100], std::byte{0xa4});
  EXPECT_EQ(page_[100], std::byte{0xa5});
}

}  // namespace
}  // namespace causeway
