// How a wan path opens, and who does not get in.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <random>
#include <thread>

#include "dpdk-wan/link/limits.h"
#include "dpdk-wan/packet/udp_packet_io.h"
#include "dpdk-wan/wan_connector.h"
#include "dpdk-wan/wan_listener.h"
#include "engine/runtime/clock.h"
#include "tests/engine/path/tcp/test_certificates.h"

namespace causeway {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HasSubstr;

constexpr PathToken kOpenToken{std::byte{1}, std::byte{2}, std::byte{3}};
constexpr PathToken kOther{std::byte{9}};

class WanOpenTest : public testing::Test {
 protected:
  WanOptions end(const TestCertificates& certificates, const char* name,
                 const char* peer) {
    WanOptions options;
    options.files = certificates.files(name);
    options.peer_name = peer;
    options.timeout = seconds(5);
    return options;
  }
  // Accepts in a thread while `connecting` runs; what came of accepting.
  template <typename Fn>
  Result<std::unique_ptr<InboundPath>> accept_while(const WanOptions& options,
                                                    Fn connecting) {
    Result<std::unique_ptr<InboundPath>> inbound = Error{};
    std::thread accepting(
        [&] { inbound = listener_.accept(kOpenToken, options); });
    connecting();
    accepting.join();
    return inbound;
  }
  std::string at() const { return listener_.address(); }

  TestCertificates certificates_;
  WanListener listener_ = WanListener::listen("127.0.0.1:0").value();
};

TEST_F(WanOpenTest, EveryStreamIsThereOnce) {
  WanOptions source = end(certificates_, "a", "b");
  WanOptions target = end(certificates_, "b", "a");
  source.streams = target.streams = 3;
  Result<std::unique_ptr<OutboundPath>> outbound = Error{};
  const std::string address = at();
  auto inbound = accept_while(target, [&] {
    outbound = WanConnector::connect(address, kOpenToken, source);
  });
  ASSERT_TRUE(outbound) << outbound.error().message;
  ASSERT_TRUE(inbound) << inbound.error().message;
  EXPECT_EQ((*outbound)->name(), "wan");
  EXPECT_TRUE((*outbound)->open_control());
  EXPECT_FALSE((*outbound)->open_control());
  EXPECT_TRUE((*outbound)->open_bulk(2));
  EXPECT_FALSE((*outbound)->open_bulk(2));
  EXPECT_FALSE((*outbound)->open_bulk(3));
  EXPECT_GT((*outbound)->stats().rtt, Duration(0));
}

TEST_F(WanOpenTest, StrangersAreDroppedAndDoNotDisturb) {
  const TestCertificates others;
  const WanOptions target = end(certificates_, "b", "a");
  Result<std::unique_ptr<OutboundPath>> outbound = Error{};
  const std::string address = at();
  auto inbound = accept_while(target, [&] {
    // Noise, the start of a handshake cut short, a certificate of another CA,
    // another host's, the right one with a token of another migration.
    auto noise =
        UdpPacketIo::open_towards(resolve_address(address, false)->front())
            .value();
    std::mt19937_64 random(1);
    for (int i = 0; i < 200; ++i) {
      auto room = noise->next_packet();
      if (room.empty()) {
        ASSERT_TRUE(noise->flush());
        room = noise->next_packet();
      }
      const size_t bytes = 1 + random() % 1400;
      for (size_t at = 0; at < bytes; ++at) {
        room[at] = static_cast<std::byte>(random());
      }
      // Half of them begin as an Initial of QUIC 1 does.
      if (i % 2 == 0 && bytes > 20) {
        const unsigned char head[] = {0xc3, 0, 0, 0, 1, 8};
        std::memcpy(room.data(), head, sizeof head);
      }
      noise->send_packet(bytes, resolve_address(address, false)->front(), 0);
    }
    ASSERT_TRUE(noise->flush());
    const auto foreign =
        WanConnector::connect(address, kOpenToken, end(others, "a", "b"));
    ASSERT_FALSE(foreign);
    EXPECT_EQ(foreign.error().code, ErrorCode::kPermission)
        << foreign.error().message;
    const auto wrong_name = WanConnector::connect(address, kOpenToken,
                                                  end(certificates_, "b", "b"));
    ASSERT_FALSE(wrong_name);
    EXPECT_EQ(wrong_name.error().code, ErrorCode::kPermission)
        << wrong_name.error().message;
    const auto wrong_token =
        WanConnector::connect(address, kOther, end(certificates_, "a", "b"));
    ASSERT_FALSE(wrong_token);
    EXPECT_EQ(wrong_token.error().code, ErrorCode::kPermission);
    EXPECT_THAT(wrong_token.error().message,
                HasSubstr("does not know this migration"));
    outbound = WanConnector::connect(address, kOpenToken,
                                     end(certificates_, "a", "b"));
  });
  EXPECT_TRUE(outbound) << outbound.error().message;
  EXPECT_TRUE(inbound) << inbound.error().message;
}

TEST_F(WanOpenTest, AListenerOfAnotherNameIsRefused) {
  const std::string address = at();
  WanOptions target = end(certificates_, "b", "a");
  target.timeout = milliseconds(500);
  const auto inbound = accept_while(target, [&] {
    const auto outbound = WanConnector::connect(address, kOpenToken,
                                                end(certificates_, "a", "c"));
    ASSERT_FALSE(outbound);
    EXPECT_EQ(outbound.error().code, ErrorCode::kPermission);
    EXPECT_THAT(outbound.error().message,
                HasSubstr("its certificate is b's, not c's"));
  });
  EXPECT_FALSE(inbound);
}

TEST_F(WanOpenTest, ASourceThatDoesNotComeIsATimeoutThatNamesTheLastStranger) {
  const std::string address = at();
  WanOptions target = end(certificates_, "b", "a");
  target.timeout = milliseconds(700);
  const auto inbound = accept_while(target, [&] {
    ASSERT_FALSE(
        WanConnector::connect(address, kOther, end(certificates_, "a", "b")));
  });
  ASSERT_FALSE(inbound);
  EXPECT_EQ(inbound.error().code, ErrorCode::kTimeout);
  EXPECT_THAT(inbound.error().message, HasSubstr(address));
  EXPECT_THAT(inbound.error().message,
              HasSubstr("it does not know this migration"));
}

TEST_F(WanOpenTest, OtherStreamCountIsIncompatibleAtBothEnds) {
  const std::string address = at();
  WanOptions source = end(certificates_, "a", "b");
  source.streams = 2;
  const auto inbound = accept_while(end(certificates_, "b", "a"), [&] {
    const auto outbound = WanConnector::connect(address, kOpenToken, source);
    ASSERT_FALSE(outbound);
    EXPECT_EQ(outbound.error().code, ErrorCode::kIncompatible)
        << outbound.error().message;
  });
  ASSERT_FALSE(inbound);
  EXPECT_EQ(inbound.error().code, ErrorCode::kIncompatible);
}

TEST_F(WanOpenTest, NobodyListeningIsUnreachableAndNamesTheAddress) {
  std::string address;
  {
    const WanListener gone = WanListener::listen("127.0.0.1:0").value();
    address = gone.address();
  }
  const auto outbound =
      WanConnector::connect(address, kOpenToken, end(certificates_, "a", "b"));
  ASSERT_FALSE(outbound);
  EXPECT_EQ(outbound.error().code, ErrorCode::kUnreachable)
      << outbound.error().message;
  EXPECT_THAT(outbound.error().message, HasSubstr(address));
}

// A process that is killed says no farewell; the kernel says that its port is
// closed.
class WanDeathTest : public WanOpenTest,
                     public testing::WithParamInterface<bool> {
 protected:
  static constexpr std::array<std::byte, 64> kMessage{};

  // Opens its end, takes one message, and is no more.
  [[noreturn]] void die_as(bool source, const std::string& address) {
    Result<std::unique_ptr<InboundPath>> inbound = Error{};
    Result<std::unique_ptr<OutboundPath>> outbound = Error{};
    std::unique_ptr<ControlChannel> control;
    if (source) {
      outbound = WanConnector::connect(address, kOpenToken,
                                       end(certificates_, "a", "b"));
      if (outbound) control = (*outbound)->open_control().value();
    } else {
      inbound = listener_.accept(kOpenToken, end(certificates_, "b", "a"));
      if (inbound) control = (*inbound)->accept_control().value();
    }
    if (control == nullptr) ::_exit(1);
    for (;;) {
      auto got = control->receive(monotonic_now());
      if (!got) ::_exit(1);
      if (*got) break;
      std::this_thread::sleep_for(milliseconds(5));
    }
    ::kill(::getpid(), SIGKILL);
    ::_exit(1);
  }
};

TEST_P(WanDeathTest, AKilledPeerIsNoticedLongBeforeItsSilenceWouldBe) {
  const bool source_dies = GetParam();
  const std::string address = at();
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) die_as(source_dies, address);
  Result<std::unique_ptr<InboundPath>> inbound = Error{};
  Result<std::unique_ptr<OutboundPath>> outbound = Error{};
  std::unique_ptr<ControlChannel> control;  // the path outlives it
  if (source_dies) {
    inbound = listener_.accept(kOpenToken, end(certificates_, "b", "a"));
    ASSERT_TRUE(inbound) << inbound.error().message;
    control = (*inbound)->accept_control().value();
  } else {
    // The child alone has the port, so that it closes with it.
    listener_ = WanListener::listen("127.0.0.1:0").value();
    outbound = WanConnector::connect(address, kOpenToken,
                                     end(certificates_, "a", "b"));
    ASSERT_TRUE(outbound) << outbound.error().message;
    control = (*outbound)->open_control().value();
  }
  ASSERT_TRUE(control->send(kMessage));
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  // Something has to be sent for anybody to refuse it.
  ASSERT_TRUE(control->send(kMessage));
  const Instant start = monotonic_now();
  Result<std::optional<std::vector<std::byte>>> got =
      std::optional<std::vector<std::byte>>();
  while (got && monotonic_now() - start < kQuicSilenceMax) {
    std::this_thread::sleep_for(milliseconds(20));
    got = control->receive(monotonic_now());
  }
  ASSERT_FALSE(got) << "nobody noticed";
  EXPECT_EQ(got.error().code, ErrorCode::kConnectionLost);
  EXPECT_THAT(got.error().message, HasSubstr("its process has ended"));
}

INSTANTIATE_TEST_SUITE_P(Ends, WanDeathTest, testing::Bool(),
                         [](const auto& end) {
                           return end.param ? "Source" : "Target";
                         });

TEST_F(WanOpenTest, AFileThatIsMissingIsNamed) {
  WanOptions source = end(certificates_, "a", "b");
  source.files.ca = certificates_.folder() + "/nowhere.crt";
  const auto outbound = WanConnector::connect(at(), kOpenToken, source);
  ASSERT_FALSE(outbound);
  EXPECT_THAT(outbound.error().message, HasSubstr("nowhere.crt"));
}

TEST_F(WanOpenTest, PortThatIsTakenNamesTheAddress) {
  const auto second = WanListener::listen(at());
  ASSERT_FALSE(second);
  EXPECT_THAT(second.error().message, HasSubstr(at()));
}

}  // namespace
}  // namespace causeway
