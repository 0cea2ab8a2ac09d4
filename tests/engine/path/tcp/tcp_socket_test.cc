// What a stream's options come to.
#include "engine/path/tcp/tcp_socket.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string>

namespace causeway {
namespace {

std::string congestion_control(const UniqueFd& fd) {
  std::array<char, 16> name{};
  socklen_t bytes = name.size() - 1;
  EXPECT_EQ(
      ::getsockopt(fd.get(), IPPROTO_TCP, TCP_CONGESTION, name.data(), &bytes),
      0);
  return name.data();
}

class TcpSocketTest : public testing::Test {
 protected:
  // False when this kernel has none of that name.
  bool give(const std::string& name) {
    return ::setsockopt(stream_.get(), IPPROTO_TCP, TCP_CONGESTION, name.data(),
                        name.size()) == 0;
  }

  UniqueFd stream_{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
};

TEST_F(TcpSocketTest, BbrGivesWayToCubicBeforeTheConnection) {
  if (!give("cubic") || !give("bbr")) {
    GTEST_SKIP() << "this kernel lets us choose no bbr or no cubic: "
                 << std::strerror(errno);
  }
  choose_congestion_control(stream_.get());
  EXPECT_EQ(congestion_control(stream_), "cubic");
}

TEST_F(TcpSocketTest, AnyOtherDefaultStands) {
  ASSERT_TRUE(give("reno")) << "every kernel has it";
  choose_congestion_control(stream_.get());
  EXPECT_EQ(congestion_control(stream_), "reno");
}

// Loopback: a round trip far below kTcpShortPathRtt.
TEST_F(TcpSocketTest, AShortPathKeepsWhatItBeganWith) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t bytes = sizeof address;
  auto* const any = reinterpret_cast<sockaddr*>(&address);
  const UniqueFd listening(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  ASSERT_EQ(::bind(listening.get(), any, bytes), 0);
  ASSERT_EQ(::listen(listening.get(), 1), 0);
  ASSERT_EQ(::getsockname(listening.get(), any, &bytes), 0);
  ASSERT_TRUE(give("reno"));
  ASSERT_EQ(::connect(stream_.get(), any, bytes), 0);
  settle_congestion_control(stream_.get());
  EXPECT_EQ(congestion_control(stream_), "reno");
}

}  // namespace
}  // namespace causeway
