// The receiver's state machine over a socket pair: any cut of the stream into
// pieces, and streams that break the rules.
#include "engine/path/stream/stream_bulk_receiver.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <vector>

#include "engine/path/tcp/tcp_stream.h"
#include "tests/contract/memory_sink.h"

namespace causeway {
namespace {

using testing::HasSubstr;

class StreamBulkReceiverTest : public testing::Test {
 protected:
  StreamBulkReceiverTest() {
    std::array<int, 2> fds;
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, fds.data()), 0);
    peer_ = UniqueFd(fds[0]);
    receiver_ = std::make_unique<StreamBulkReceiver>(
        std::make_unique<TcpStream>(UniqueFd(fds[1]), "peer:1"), sink_);
  }

  void add_put(const PutHead& put) {
    std::array<std::byte, kFrameHeadBytes> head;
    encode_put(put, head);
    stream_.insert(stream_.end(), head.begin(), head.end());
    for (uint32_t i = 0; i < put.payload_bytes; ++i) {
      stream_.push_back(static_cast<std::byte>(i * 7 + put.first_block));
    }
  }
  void add_fence(FenceId fence) {
    std::array<std::byte, kFrameHeadBytes> head;
    encode_fence(fence, head);
    stream_.insert(stream_.end(), head.begin(), head.end());
  }
  // Writes the stream so far in pieces, polling after each.
  Result<bool> feed(size_t piece) {
    Result<bool> last = false;
    for (size_t at = 0; at < stream_.size() && last; at += piece) {
      const size_t bytes = std::min(piece, stream_.size() - at);
      EXPECT_EQ(::send(peer_.get(), &stream_[at], bytes, MSG_NOSIGNAL),
                static_cast<ssize_t>(bytes));
      last = receiver_->poll({});
    }
    return last;
  }
  std::vector<FenceId> answers() {
    std::vector<FenceId> fences;
    std::array<std::byte, kFenceAckBytes> ack;
    while (::recv(peer_.get(), ack.data(), ack.size(), MSG_DONTWAIT) ==
           static_cast<ssize_t>(ack.size())) {
      fences.push_back(decode_fence_ack(ack).value());
    }
    return fences;
  }

  MemorySink sink_{64 * kBlockBytes};
  UniqueFd peer_;
  std::unique_ptr<StreamBulkReceiver> receiver_;
  std::vector<std::byte> stream_;
};

class StreamBulkReceiverPieces : public StreamBulkReceiverTest,
                                 public testing::WithParamInterface<size_t> {};

TEST_P(StreamBulkReceiverPieces, DoNotMatter) {
  add_put({PutKind::kRaw, 0, 1, 0, 1, kBlockBytes});
  add_put({PutKind::kZero, 0, 1, 5, 3, 0});
  add_fence(1);
  add_put({PutKind::kRaw, 0, 1, 8, 2, 2 * kBlockBytes});
  add_put({PutKind::kRaw, 0, 1, 1, 1, kBlockBytes});
  add_fence(2);
  ASSERT_TRUE(feed(GetParam()));
  EXPECT_EQ(sink_.landed.size(), 4u);
  EXPECT_EQ(receiver_->wire_bytes(), stream_.size());
  EXPECT_EQ(receiver_->fence_landed(), 2u);
  EXPECT_EQ(answers().back(), 2u);
  EXPECT_EQ(sink_.memory[8 * kBlockBytes + 5000],
            static_cast<std::byte>(5000 * 7 + 8));
  EXPECT_EQ(sink_.memory[kBlockBytes + 4095],
            static_cast<std::byte>(4095 * 7 + 1));
  peer_.reset();
  EXPECT_TRUE(receiver_->poll({}));
  EXPECT_TRUE(receiver_->closed());
}

INSTANTIATE_TEST_SUITE_P(Sizes, StreamBulkReceiverPieces,
                         testing::Values(1, 31, 32, 33, 4095, 4096, 4127, 4129,
                                         8224, 100'000));

TEST_F(StreamBulkReceiverTest, CloseInAHeadIsALoss) {
  add_fence(1);
  stream_.pop_back();
  ASSERT_TRUE(feed(1000));
  peer_.reset();
  EXPECT_EQ(receiver_->poll({}).error().code, ErrorCode::kConnectionLost);
  EXPECT_FALSE(receiver_->closed());
}

TEST_F(StreamBulkReceiverTest, CloseInAPayloadIsALoss) {
  add_put({PutKind::kRaw, 0, 1, 0, 2, 2 * kBlockBytes});
  stream_.pop_back();
  ASSERT_TRUE(feed(1000));
  peer_.reset();
  EXPECT_EQ(receiver_->poll({}).error().code, ErrorCode::kConnectionLost);
  EXPECT_TRUE(sink_.landed.empty());
}

TEST_F(StreamBulkReceiverTest, FenceThatGoesBackIsRefused) {
  add_fence(5);
  add_fence(5);
  auto moved = feed(1000);
  ASSERT_FALSE(moved);
  EXPECT_EQ(moved.error().code, ErrorCode::kPeerBroken);
  EXPECT_THAT(moved.error().message, HasSubstr("fence 5 after fence 5"));
}

TEST_F(StreamBulkReceiverTest, GarbageIsRefusedAndNamesThePeer) {
  stream_.assign(100, std::byte{0x41});
  auto moved = feed(100);
  ASSERT_FALSE(moved);
  EXPECT_EQ(moved.error().code, ErrorCode::kPeerBroken);
  EXPECT_THAT(moved.error().message, HasSubstr("peer:1"));
  EXPECT_TRUE(sink_.landed.empty());
  // Broken for good, and the other end is told.
  EXPECT_FALSE(receiver_->poll({}));
  std::array<std::byte, 1> byte;
  EXPECT_EQ(::recv(peer_.get(), byte.data(), 1, 0), 0);
}

TEST_F(StreamBulkReceiverTest, PutOutsideTheRegionStoresNothing) {
  add_put({PutKind::kRaw, 0, 1, 64, 1, kBlockBytes});
  EXPECT_FALSE(feed(100'000));
  EXPECT_TRUE(sink_.landed.empty());
}

}  // namespace
}  // namespace causeway
