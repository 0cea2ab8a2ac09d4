#include "engine/path/stream/path_streams.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>

#include "engine/path/tcp/tcp_stream.h"
#include "tests/contract/memory_sink.h"

namespace causeway {
namespace {

using testing::HasSubstr;

// Streams over real sockets, whose other ends are kept open.
class PathStreamsTest : public testing::Test {
 protected:
  std::unique_ptr<ByteStream> a_stream() {
    std::array<int, 2> ends;
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ends.data()), 0);
    far_ends_.emplace_back(ends[1]);
    return std::make_unique<TcpStream>(UniqueFd(ends[0]), "peer");
  }
  PathStreams streams_of(uint16_t workers) {
    std::vector<std::unique_ptr<ByteStream>> streams;
    for (int i = 0; i <= workers; ++i) streams.push_back(a_stream());
    return PathStreams("test", std::move(streams));
  }

  std::vector<UniqueFd> far_ends_;
};

TEST_F(PathStreamsTest, EachIsTakenOnce) {
  PathStreams streams = streams_of(2);
  EXPECT_EQ(streams.workers(), 2);
  EXPECT_EQ(streams.control().peer(), "peer");
  EXPECT_TRUE(streams.take_control());
  EXPECT_FALSE(streams.take_control());
  EXPECT_TRUE(streams.open_bulk(1));
  EXPECT_TRUE(streams.open_bulk(0));
  const auto again = streams.open_bulk(1);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, ErrorCode::kInvalidArgument);
  EXPECT_THAT(again.error().message,
              HasSubstr("The test path has no stream 2"));
}

TEST_F(PathStreamsTest, ThereAreNoMoreWorkersThanStreams) {
  PathStreams streams = streams_of(1);
  MemorySink sink(1);
  EXPECT_FALSE(streams.accept_bulk(1, sink));
  EXPECT_FALSE(streams.accept_bulk(UINT32_MAX, sink));
  EXPECT_TRUE(streams.accept_bulk(0, sink));
  EXPECT_FALSE(streams.accept_bulk(0, sink));
}

TEST_F(PathStreamsTest, WhatIsNotTakenEndsWithThem) {
  { const PathStreams streams = streams_of(1); }
  for (const UniqueFd& far_end : far_ends_) {
    char byte;
    EXPECT_EQ(recv(far_end.get(), &byte, 1, MSG_DONTWAIT), 0);
  }
}

}  // namespace
}  // namespace causeway
