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

// A stream over loopback: a round trip far below kTcpShortPathRtt.
class TcpSocketTest : public testing::Test {
 protected:
  void SetUp() override {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t bytes = sizeof address;
    auto* const any = reinterpret_cast<sockaddr*>(&address);
    ASSERT_EQ(::bind(listening_.get(), any, bytes), 0);
    ASSERT_EQ(::listen(listening_.get(), 1), 0);
    ASSERT_EQ(::getsockname(listening_.get(), any, &bytes), 0);
    ASSERT_EQ(::connect(stream_.get(), any, bytes), 0);
  }
  // False when this kernel has none of that name.
  bool choose(const std::string& name) {
    return ::setsockopt(stream_.get(), IPPROTO_TCP, TCP_CONGESTION, name.data(),
                        name.size()) == 0;
  }
  std::string chosen() const {
    std::array<char, 16> name{};
    socklen_t bytes = name.size() - 1;
    EXPECT_EQ(::getsockopt(stream_.get(), IPPROTO_TCP, TCP_CONGESTION,
                           name.data(), &bytes),
              0);
    return name.data();
  }

  UniqueFd listening_{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  UniqueFd stream_{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
};

TEST_F(TcpSocketTest, BbrGivesWayToCubicOnAShortPath) {
  if (!choose("cubic") || !choose("bbr")) {
    GTEST_SKIP() << "this kernel lets us choose no bbr or no cubic: "
                 << std::strerror(errno);
  }
  set_congestion_control(stream_.get());
  EXPECT_EQ(chosen(), "cubic");
}

TEST_F(TcpSocketTest, AnyOtherChoiceOfTheOperatorStands) {
  ASSERT_TRUE(choose("reno")) << "every kernel has it";
  set_congestion_control(stream_.get());
  EXPECT_EQ(chosen(), "reno");
}

}  // namespace
}  // namespace causeway
