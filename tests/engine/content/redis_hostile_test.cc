// A server that is not Redis, or does not mean well: what it claims costs
// neither memory nor time without limit.
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <chrono>
#include <functional>
#include <thread>

#include "engine/content/redis_content_index.h"

namespace causeway {
namespace {

// Answers each thing that comes with what `answer` makes of its own port and
// how many came before.
class Liar {
 public:
  using Answer = std::function<std::string(uint16_t port, int number)>;

  explicit Liar(Answer answer) : answer_(std::move(answer)) {
    listener_.reset(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t bytes = sizeof(address);
    auto* name = reinterpret_cast<sockaddr*>(&address);
    CAUSEWAY_ASSERT(::bind(listener_.get(), name, bytes) == 0 &&
                    ::listen(listener_.get(), 8) == 0 &&
                    ::getsockname(listener_.get(), name, &bytes) == 0);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { serve(); });
  }
  ~Liar() {
    ::shutdown(listener_.get(), SHUT_RDWR);
    thread_.join();
  }
  uint16_t port() const { return port_; }

 private:
  void serve() {
    int number = 0;
    for (;;) {
      const UniqueFd peer(::accept(listener_.get(), nullptr, nullptr));
      if (!peer) return;
      char bytes[4096];
      while (::recv(peer.get(), bytes, sizeof(bytes), 0) > 0) {
        const std::string answer = answer_(port_, number++);
        ::send(peer.get(), answer.data(), answer.size(), MSG_NOSIGNAL);
      }
    }
  }

  Answer answer_;
  UniqueFd listener_;
  uint16_t port_ = 0;
  std::thread thread_;
};

// What it comes to when the liar is asked for a place.
Error error_from(Liar::Answer answer) {
  Liar liar(std::move(answer));
  const auto before = std::chrono::steady_clock::now();
  auto index = RedisContentIndex::open(
      {.nodes = {{"127.0.0.1", liar.port()}}, .prefix = "x"});
  Error error;
  if (!index) {
    error = index.error();
  } else {
    const ContentDigest digest{};
    std::optional<ContentPlace> place;
    const Status found = (*index)->find({&digest, 1}, {&place, 1});
    EXPECT_FALSE(found);
    if (!found) error = found.error();
    index->reset();
  }
  const auto took = std::chrono::steady_clock::now() - before;
  EXPECT_LT(took, std::chrono::milliseconds(kRedisCallMsMax + 3000));
  EXPECT_FALSE(error.message.empty());
  return error;
}

std::string all_slots_at(uint16_t port) {
  return fmt::format(
      "*1\r\n*3\r\n:0\r\n:16383\r\n*2\r\n$9\r\n127.0.0.1\r\n:{}\r\n", port);
}

TEST(RedisHostile, RubbishIsNoReply) {
  EXPECT_EQ(
      error_from([](uint16_t, int) { return "HTTP/1.1 400\r\n\r\n"; }).code,
      ErrorCode::kPeerBroken);
  EXPECT_EQ(error_from([](uint16_t, int) { return "$-7\r\n"; }).code,
            ErrorCode::kPeerBroken);
  EXPECT_EQ(error_from([](uint16_t, int) { return "+OK\r\n"; }).code,
            ErrorCode::kPeerBroken);
}

TEST(RedisHostile, ClaimsOfElementsAreNotBelieved) {
  for (const char* claim : {"*2147483647\r\n", "*65537\r\n", "*-2\r\n",
                            "*99999999999999999999\r\n"}) {
    EXPECT_EQ(error_from([&](uint16_t, int) { return claim; }).code,
              ErrorCode::kPeerBroken)
        << claim;
  }
  // Within each other.
  std::string nested;
  for (int i = 0; i < 30; ++i) nested += "*65536\r\n";
  EXPECT_EQ(error_from([&](uint16_t, int) { return nested; }).code,
            ErrorCode::kPeerBroken);
}

TEST(RedisHostile, BytesWithoutEndAreRefused) {
  const std::string flood(1u << 20, 'x');
  const Error error = error_from([&](uint16_t, int number) {
    std::string answer = number == 0 ? "$2000000000\r\n" : "";
    for (int i = 0; i < 80; ++i) answer += flood;
    return answer;
  });
  // On a slow machine, or a sanitizer's, the time is up first.
  EXPECT_TRUE(error.code == ErrorCode::kPeerBroken ||
              error.code == ErrorCode::kUnreachable)
      << error.message;
}

TEST(RedisHostile, SilenceEnds) {
  EXPECT_EQ(error_from([](uint16_t, int) { return "$100\r\nhalf of it"; }).code,
            ErrorCode::kUnreachable);
}

TEST(RedisHostile, SlotsThatCannotBeAreRefused) {
  for (const char* slots :
       {"*1\r\n*3\r\n:0\r\n:16384\r\n*2\r\n$1\r\nh\r\n:1\r\n",
        "*1\r\n*3\r\n:-1\r\n:1\r\n*2\r\n$1\r\nh\r\n:1\r\n",
        "*1\r\n*3\r\n:9\r\n:8\r\n*2\r\n$1\r\nh\r\n:1\r\n",
        "*1\r\n*3\r\n:0\r\n:8\r\n*2\r\n$1\r\nh\r\n:65536\r\n",
        "*1\r\n*3\r\n:0\r\n:8\r\n*2\r\n$3\r\nh/x\r\n:1\r\n",
        "*1\r\n*3\r\n:0\r\n:8\r\n*0\r\n", "*1\r\n:1\r\n",
        "*1\r\n*3\r\n$1\r\n0\r\n:8\r\n*2\r\n$1\r\nh\r\n:1\r\n"}) {
    EXPECT_EQ(error_from([&](uint16_t, int) { return slots; }).code,
              ErrorCode::kPeerBroken)
        << slots;
  }
}

TEST(RedisHostile, ACommandIsNotSentAroundForEver) {
  const auto to_itself = [](const char* word) {
    return error_from([word](uint16_t port, int number) {
      if (number == 0) return all_slots_at(port);
      return fmt::format("-{} {} 127.0.0.1:{}\r\n{}", word,
                         redis_slot("x:b:00000"), port,
                         std::string(word) == "ASK" && number > 1
                             ? fmt::format("-ASK {} 127.0.0.1:{}\r\n",
                                           redis_slot("x:b:00000"), port)
                             : "");
    });
  };
  EXPECT_EQ(to_itself("MOVED").code, ErrorCode::kUnreachable);
  EXPECT_EQ(to_itself("ASK").code, ErrorCode::kUnreachable);
}

TEST(RedisHostile, ARedirectionOfAnotherSlotIsRefused) {
  EXPECT_EQ(error_from([](uint16_t port, int number) {
              if (number == 0) return all_slots_at(port);
              return fmt::format("-MOVED 1 127.0.0.1:{}\r\n", port);
            }).code,
            ErrorCode::kPeerBroken);
}

TEST(RedisHostile, RefusalsHaveTheirReason) {
  const auto refused = [](const std::string& with) {
    return error_from([with](uint16_t port, int number) {
      return number == 0 ? all_slots_at(port) : "-" + with + "\r\n";
    });
  };
  EXPECT_EQ(refused("CLUSTERDOWN Hash slot not served").code,
            ErrorCode::kUnreachable);
  EXPECT_EQ(refused("NOAUTH Authentication required.").code,
            ErrorCode::kPermission);
  EXPECT_EQ(refused("OOM command not allowed").code, ErrorCode::kNoSpace);
  const Error other = refused("ERR whatever");
  EXPECT_EQ(other.code, ErrorCode::kIo);
  EXPECT_NE(other.message.find("ERR whatever"), std::string::npos);
}

}  // namespace
}  // namespace causeway
