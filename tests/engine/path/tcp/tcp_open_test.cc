// How a tcp path opens: who is let in, who is not, and what is said about it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <chrono>
#include <future>
#include <thread>

#include "engine/path/socket_address.h"
#include "engine/path/stream/hello.h"
#include "engine/path/tcp/tcp_connector.h"
#include "engine/path/tcp/tcp_listener.h"
#include "engine/path/tcp/tcp_socket.h"

namespace causeway {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HasSubstr;

constexpr PathToken kToken{std::byte{7}, std::byte{8}};
constexpr PathToken kOtherToken{std::byte{7}, std::byte{9}};
constexpr Duration kLong = seconds(20);  // nothing that passes waits for it

using Accepted = Result<std::unique_ptr<InboundPath>>;

class TcpOpenTest : public testing::Test {
 protected:
  std::future<Accepted> accept(uint16_t streams) {
    return std::async(std::launch::async, [this, streams] {
      return listener_.accept(kToken, streams, kLong);
    });
  }
  auto connect(const PathToken& token, uint16_t streams,
               Duration timeout = kLong) {
    return TcpConnector::connect(listener_.address(), token,
                                 {streams, timeout});
  }
  // A plain connection that says `bytes` and nothing else.
  UniqueFd stranger(std::span<const std::byte> bytes) {
    const auto address = resolve_address(listener_.address(), false).value()[0];
    UniqueFd fd(::socket(address.storage.ss_family, SOCK_STREAM, 0));
    EXPECT_EQ(::connect(fd.get(), address.get(), address.bytes), 0);
    if (!bytes.empty()) {
      EXPECT_EQ(::send(fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL),
                static_cast<ssize_t>(bytes.size()));
    }
    return fd;
  }
  // Until the other end hangs up; what it said before.
  static size_t read_to_end(const UniqueFd& fd) {
    std::array<std::byte, 64> buffer;
    size_t total = 0;
    ssize_t got = 0;
    while ((got = ::recv(fd.get(), buffer.data(), buffer.size(), 0)) > 0) {
      total += got;
    }
    return total;
  }

  TcpListener listener_ = TcpListener::listen("127.0.0.1:0").value();
};

TEST_F(TcpOpenTest, FreePortIsTold) {
  EXPECT_NE(listener_.port(), 0);
  EXPECT_EQ(listener_.address(),
            "127.0.0.1:" + std::to_string(listener_.port()));
}

TEST_F(TcpOpenTest, EveryStreamIsThereOnce) {
  auto accepting = accept(3);
  auto outbound = connect(kToken, 3).value();
  auto inbound = accepting.get().value();
  EXPECT_TRUE(outbound->open_control());
  EXPECT_FALSE(outbound->open_control());
  EXPECT_TRUE(outbound->open_bulk(2));
  EXPECT_FALSE(outbound->open_bulk(3));
  EXPECT_TRUE(inbound->accept_control());
  EXPECT_FALSE(inbound->accept_control());
  EXPECT_EQ(outbound->name(), "tcp");
  EXPECT_GT(outbound->stats().rtt, Duration(0));
}

TEST_F(TcpOpenTest, StrangersAreDroppedAndDoNotDisturb) {
  auto accepting = accept(1);
  Hello wrong;
  wrong.token = kOtherToken;
  wrong.stream_count = 1;
  const auto wrong_bytes = encode_hello(wrong);
  const std::array<std::byte, 64> garbage{};
  const UniqueFd silent = stranger({});
  const UniqueFd half = stranger(std::span(wrong_bytes).first(9));
  const UniqueFd liar = stranger(wrong_bytes);
  const UniqueFd noise = stranger(garbage);
  stranger(std::span(wrong_bytes).first(31));  // and hangs up
  EXPECT_EQ(read_to_end(liar), 0u);
  EXPECT_EQ(read_to_end(noise), 0u);
  auto outbound = connect(kToken, 1);
  ASSERT_TRUE(outbound) << outbound.error().message;
  EXPECT_TRUE(accepting.get());
  EXPECT_EQ(read_to_end(silent), 0u);
  EXPECT_EQ(read_to_end(half), 0u);
}

TEST_F(TcpOpenTest, MoreSilentStrangersThanThereIsRoomForDoNotDisturb) {
  auto accepting = accept(2);
  std::vector<UniqueFd> silent;
  for (int i = 0; i < 150; ++i) silent.push_back(stranger({}));
  auto outbound = connect(kToken, 2);
  ASSERT_TRUE(outbound) << outbound.error().message;
  EXPECT_TRUE(accepting.get());
}

TEST_F(TcpOpenTest, StreamThatIsTakenStaysWithTheFirst) {
  auto accepting = accept(1);
  Hello hello;
  hello.token = kToken;
  hello.stream_count = 1;
  const auto bytes = encode_hello(hello);
  const UniqueFd first = stranger(bytes);
  std::array<std::byte, Welcome::kBytes> answer;
  ASSERT_EQ(::recv(first.get(), answer.data(), answer.size(), MSG_WAITALL),
            static_cast<ssize_t>(answer.size()));
  EXPECT_EQ(decode_welcome(answer)->answer, Answer::kWelcome);
  const UniqueFd second = stranger(bytes);
  ASSERT_EQ(::recv(second.get(), answer.data(), answer.size(), MSG_WAITALL),
            static_cast<ssize_t>(answer.size()));
  EXPECT_EQ(decode_welcome(answer)->answer, Answer::kTaken);
  hello.role = StreamRole::kBulk;
  const UniqueFd bulk = stranger(encode_hello(hello));
  EXPECT_TRUE(accepting.get());
}

TEST_F(TcpOpenTest, WrongTokenIsToldToTheConnectorAsHungUp) {
  auto accepting = accept(1);
  auto refused = connect(kOtherToken, 1);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kPermission);
  EXPECT_THAT(refused.error().message, HasSubstr(listener_.address()));
  EXPECT_TRUE(connect(kToken, 1));
  EXPECT_TRUE(accepting.get());
}

TEST_F(TcpOpenTest, OtherStreamCountIsIncompatibleAtBothEnds) {
  auto accepting = accept(2);
  EXPECT_EQ(connect(kToken, 3).error().code, ErrorCode::kIncompatible);
  const Accepted accepted = accepting.get();
  ASSERT_FALSE(accepted);
  EXPECT_EQ(accepted.error().code, ErrorCode::kIncompatible);
  EXPECT_THAT(accepted.error().message, HasSubstr("opens 3 streams, 2 are"));
}

TEST_F(TcpOpenTest, OtherVersionIsIncompatible) {
  auto accepting = accept(1);
  Hello hello;
  hello.version = 99;
  hello.token = kToken;
  const UniqueFd fd = stranger(encode_hello(hello));
  std::array<std::byte, Welcome::kBytes> answer;
  ASSERT_EQ(::recv(fd.get(), answer.data(), answer.size(), MSG_WAITALL),
            static_cast<ssize_t>(answer.size()));
  EXPECT_EQ(decode_welcome(answer)->answer, Answer::kOtherVersion);
  EXPECT_THAT(accepting.get().error().message, HasSubstr("version 99"));
}

TEST_F(TcpOpenTest, MissingSourceIsATimeoutThatCountsTheStreams) {
  const Accepted accepted = listener_.accept(kToken, 4, milliseconds(10));
  ASSERT_FALSE(accepted);
  EXPECT_EQ(accepted.error().code, ErrorCode::kTimeout);
  EXPECT_THAT(accepted.error().message, HasSubstr("Only 0 of 5 streams"));
}

TEST_F(TcpOpenTest, ListenerThatDoesNotAcceptIsATimeout) {
  auto outbound = connect(kToken, 1, milliseconds(50));
  ASSERT_FALSE(outbound);
  EXPECT_EQ(outbound.error().code, ErrorCode::kTimeout);
  EXPECT_THAT(outbound.error().message, HasSubstr(listener_.address()));
}

TEST(TcpOpen, NobodyListeningIsUnreachableAndNamesTheAddress) {
  std::string address;
  {
    auto listener = TcpListener::listen("127.0.0.1:0").value();
    address = listener.address();
  }
  auto outbound = TcpConnector::connect(address, kToken, {1, kLong});
  ASSERT_FALSE(outbound);
  EXPECT_EQ(outbound.error().code, ErrorCode::kUnreachable);
  EXPECT_THAT(outbound.error().message, HasSubstr(address));
}

TEST(TcpOpen, PortThatIsTakenNamesTheAddress) {
  auto first = TcpListener::listen("127.0.0.1:0").value();
  auto second = TcpListener::listen(first.address());
  ASSERT_FALSE(second);
  EXPECT_THAT(second.error().message, HasSubstr(first.address()));
}

TEST(TcpOpen, AddressesThatAreNoneAreRefusedByName) {
  for (const char* text :
       {"", "host", "host:", ":7000", "host:70000", "host:http", "::1:7000",
        "[::1]", "[::1]7000", "10.0.0.1:-1"}) {
    auto addresses = resolve_address(text, false);
    ASSERT_FALSE(addresses) << text;
    EXPECT_EQ(addresses.error().code, ErrorCode::kInvalidArgument) << text;
    EXPECT_THAT(addresses.error().message, HasSubstr(text));
  }
}

TEST(TcpOpen, NamesAndV6AddressesResolve) {
  EXPECT_TRUE(resolve_address("localhost:7000", false));
  EXPECT_EQ(resolve_address("[::1]:7000", false).value()[0].text(),
            "[::1]:7000");
  auto unknown = resolve_address("no-such-host.invalid:7000", false);
  ASSERT_FALSE(unknown);
  EXPECT_THAT(unknown.error().message, HasSubstr("no-such-host.invalid"));
}

TEST(Hello, ComesBackAsItWent) {
  const Hello hello{Hello::kVersion, StreamRole::kBulk, kToken, 17, 64};
  EXPECT_EQ(decode_hello(encode_hello(hello)), hello);
}

TEST(Hello, TokensDifferInAnyBit) {
  EXPECT_TRUE(tokens_equal(kToken, kToken));
  for (size_t bit = 0; bit < 128; ++bit) {
    PathToken other = kToken;
    other[bit / 8] ^= std::byte{1} << (bit % 8);
    EXPECT_FALSE(tokens_equal(kToken, other)) << "bit " << bit;
  }
}

}  // namespace
}  // namespace causeway
