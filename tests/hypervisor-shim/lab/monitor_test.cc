#include "hypervisor-shim/lab/monitor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "hypervisor-shim/lab/monitor_client.h"
#include "hypervisor-shim/lab/unix_socket.h"

namespace causeway::lab {
namespace {

using nlohmann::json;
using testing::HasSubstr;
constexpr std::chrono::seconds kTimeout(10);

class MonitorTest : public testing::Test {
 protected:
  void SetUp() override {
    char directory[] = "/tmp/causeway-monitor-XXXXXX";
    ASSERT_NE(::mkdtemp(directory), nullptr);
    directory_ = directory;
    path_ = directory_ + "/m";
    Monitor::Handler handler;
    handler.serve = [](const json& request) -> std::optional<json> {
      if (request["command"] == "slow") return std::nullopt;
      return json{{"ok", true}, {"echo", request["command"]}};
    };
    handler.finished = [this]() -> std::optional<json> {
      if (!finished_) return std::nullopt;
      return json{{"ok", true}, {"echo", "slow"}};
    };
    auto monitor = Monitor::create(path_, std::move(handler));
    ASSERT_TRUE(monitor) << monitor.error().message;
    monitor_ = std::move(*monitor);
  }

  void TearDown() override {
    monitor_.reset();
    EXPECT_NE(::access(path_.c_str(), F_OK), 0) << "the socket is left";
    std::filesystem::remove_all(directory_);
  }

  MonitorClient connect() {
    auto client = MonitorClient::connect(path_);
    EXPECT_TRUE(client);
    return std::move(*client);
  }

  // One raw line to a new connection; its answer.
  std::string raw(const std::string& bytes) {
    auto fd = connect_unix(path_);
    EXPECT_TRUE(fd);
    EXPECT_EQ(::send(fd->get(), bytes.data(), bytes.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(bytes.size()));
    char buffer[4096];
    const auto got = ::recv(fd->get(), buffer, sizeof(buffer), 0);
    return std::string(buffer, static_cast<size_t>(std::max<ssize_t>(got, 0)));
  }

  std::string directory_;
  std::string path_;
  std::atomic<bool> finished_{false};
  std::unique_ptr<Monitor> monitor_;
};

TEST_F(MonitorTest, AnswersOneLineForEach) {
  auto client = connect();
  for (const char* command : {"a", "b", "c"}) {
    const auto answer = client.call({{"command", command}}, kTimeout);
    ASSERT_TRUE(answer) << answer.error().message;
    EXPECT_EQ((*answer)["echo"], command);
  }
}

TEST_F(MonitorTest, SocketIsForItsOwnerOnly) {
  struct stat status {};
  ASSERT_EQ(::stat(path_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
}

TEST_F(MonitorTest, OthersAreServedWhileOneWaits) {
  auto slow = connect();
  std::thread waiting([&] {
    const auto answer = slow.call({{"command", "slow"}}, kTimeout);
    ASSERT_TRUE(answer) << answer.error().message;
    EXPECT_EQ((*answer)["echo"], "slow");
  });
  EXPECT_TRUE(connect().call({{"command", "quick"}}, kTimeout));
  finished_ = true;
  monitor_->poke();
  waiting.join();
}

TEST_F(MonitorTest, RubbishIsAnswered) {
  for (const char* line :
       {"\n", "{\n", "[]\n", "{\"command\":7}\n", "{}\n", "\xff\xfe\n"}) {
    EXPECT_THAT(raw(line), HasSubstr("invalid-argument")) << line;
  }
}

TEST_F(MonitorTest, AnEndlessLineIsCut) {
  EXPECT_EQ(raw(std::string(8192, 'x')), "");
  EXPECT_TRUE(connect().call({{"command", "still here"}}, kTimeout));
}

TEST_F(MonitorTest, AClientThatGoesIsForgotten) {
  for (int i = 0; i < 100; ++i) {
    EXPECT_TRUE(connect().call({{"command", "x"}}, kTimeout));
  }
}

TEST_F(MonitorTest, ALiveSocketIsNotTaken) {
  const auto second = Monitor::create(path_, {});
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::kAlreadyExists);
}

TEST(MonitorClient, NobodyThere) {
  const auto client = MonitorClient::connect("/tmp/causeway-no-such-socket");
  ASSERT_FALSE(client);
  EXPECT_EQ(client.error().code, ErrorCode::kUnreachable);
  EXPECT_FALSE(MonitorClient::connect(std::string(200, 'x')));
}

}  // namespace
}  // namespace causeway::lab
