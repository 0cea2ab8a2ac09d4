// Client and server together, over a real socket, with a handler that answers
// from memory.
#include "engine/control/agent_server.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "engine/base/limits.h"
#include "engine/control/agent_client.h"

namespace causeway {
namespace {

class FakeAgent : public GuestHandler, public MigrationHandler {
 public:
  Result<control::GuestStatus> run_guest(
      const control::GuestConfig& config) override {
    {
      const std::lock_guard lock(mutex_);
      if (refusal_) return *refusal_;
    }
    control::GuestStatus status;
    *status.mutable_config() = config;
    status.set_state("running");
    return status;
  }
  control::GuestList list_guests() override {
    control::GuestList list;
    list.set_agent("fake");
    return list;
  }
  Result<control::CheckReply> check_guest(const std::string&) override {
    control::CheckReply reply;
    reply.set_ok(true);
    return reply;
  }
  Status stop_guest(const std::string& name) override {
    return make_error(ErrorCode::kNotFound, "no guest {}", name);
  }
  Status break_guest(const control::Fault&) override { return {}; }

  Status migrate(const control::MigrateRequest& request,
                 const MigrationEventSink& sink) override {
    control::MigrationEvent event;
    event.set_started("id7");
    sink(event);
    event.set_stage("pre-copy");
    sink(event);
    if (request.mode() == "endless") {
      while (sink(event)) {
      }
      caller_gone = true;
      return make_error(ErrorCode::kCancelled, "the caller has gone");
    }
    return make_error(ErrorCode::kGuestDied, "guest {} died", request.guest());
  }
  Status cancel(const std::string&) override { return {}; }
  Result<control::ReserveReply> reserve(
      const control::ReserveRequest& request) override {
    control::ReserveReply reply;
    reply.set_mover_address(std::to_string(request.features().size()));
    return reply;
  }
  Result<control::OutcomeReply> outcome(const std::string&) override {
    return control::OutcomeReply();
  }
  Status discard(const std::string&) override { return {}; }
  Status hold(const std::string&, bool) override { return {}; }
  Result<control::DecisionReply> decision(const std::string& id) override {
    control::DecisionReply reply;
    reply.set_why(id);
    return reply;
  }
  Result<control::CommitReply> commit(const std::string& id) override {
    control::CommitReply reply;
    reply.set_why(id);
    return reply;
  }
  Result<control::MigrationList> list_migrations() override {
    return control::MigrationList();
  }
  Status decide(const control::DecideRequest&) override { return {}; }

  void refuse(Error error) {
    const std::lock_guard lock(mutex_);
    refusal_ = std::move(error);
  }
  std::atomic<bool> caller_gone{false};

 private:
  std::mutex mutex_;
  std::optional<Error> refusal_;
};

class AgentServerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto listening = AgentServer::listen({"127.0.0.1:0"}, &agent_, &agent_);
    ASSERT_TRUE(listening) << listening.error().message;
    server_ = std::move(listening).value();
    client_ = AgentClient::create(server_->addresses()[0]).value();
  }

  FakeAgent agent_;
  std::unique_ptr<AgentServer> server_;
  std::unique_ptr<AgentClient> client_;
};

TEST_F(AgentServerTest, PortZeroBecomesARealOne) {
  EXPECT_NE(server_->addresses()[0], "127.0.0.1:0");
}

TEST_F(AgentServerTest, RequestsAndReplies) {
  control::GuestConfig config;
  config.set_name("g");
  config.set_memory_bytes(1ull << 40);
  const auto status = client_->run_guest(config);
  ASSERT_TRUE(status) << status.error().message;
  EXPECT_EQ(status->config().memory_bytes(), 1ull << 40);
  EXPECT_EQ(client_->list_guests()->agent(), "fake");
  EXPECT_TRUE(client_->check_guest("g")->ok());
}

TEST_F(AgentServerTest, EveryErrorKeepsCodeAndSentence) {
  for (int i = 0; i <= static_cast<int>(ErrorCode::kInternal); ++i) {
    const auto code = static_cast<ErrorCode>(i);
    agent_.refuse({code, "sentence " + std::to_string(i)});
    const auto status = client_->run_guest({});
    ASSERT_FALSE(status);
    EXPECT_EQ(status.error().code, code);
    EXPECT_EQ(status.error().message, "sentence " + std::to_string(i));
  }
}

TEST_F(AgentServerTest, EventsThenTheFailure) {
  control::MigrateRequest request;
  request.set_guest("g");
  std::vector<std::string> stages;
  const Status status =
      client_->migrate(request, [&](const control::MigrationEvent& event) {
        stages.push_back(event.started() + event.stage());
      });
  EXPECT_EQ(stages, (std::vector<std::string>{"id7", "pre-copy"}));
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, ErrorCode::kGuestDied);
  EXPECT_EQ(status.error().message, "guest g died");
}

TEST_F(AgentServerTest, FeaturesUpToTheirLimitPass) {
  control::ReserveRequest request;
  request.set_features(std::string(kFeaturesBytesMax, 'f'));
  const auto reply = client_->reserve(request);
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_EQ(reply->mover_address(), std::to_string(kFeaturesBytesMax));
}

TEST_F(AgentServerTest, AServerThatStopsEndsCallsUnderWay) {
  control::MigrateRequest request;
  request.set_mode("endless");
  std::mutex mutex;
  std::condition_variable changed;
  bool begun = false;
  Status status;
  std::thread caller([&] {
    status = client_->migrate(request, [&](const control::MigrationEvent&) {
      const std::lock_guard lock(mutex);
      begun = true;
      changed.notify_all();
    });
  });
  {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return begun; });
  }
  server_.reset();
  caller.join();
  EXPECT_TRUE(agent_.caller_gone);
  ASSERT_FALSE(status);
}

TEST(AgentClient, NobodyAnswers) {
  const std::string path = "/tmp/causeway-no-agent-" + std::to_string(getpid());
  for (const std::string& address :
       {std::string("127.0.0.1:1"), "unix:" + path}) {
    const auto client = AgentClient::create(address);
    ASSERT_TRUE(client);
    const auto list = (*client)->list_guests();
    ASSERT_FALSE(list);
    EXPECT_EQ(list.error().code, ErrorCode::kUnreachable);
    EXPECT_NE(list.error().message.find("no agent answers at " + address),
              std::string::npos)
        << list.error().message;
  }
}

TEST(AgentServer, ATakenPortIsNamed) {
  FakeAgent agent;
  const auto first = AgentServer::listen({"127.0.0.1:0"}, &agent, &agent);
  ASSERT_TRUE(first);
  const std::string address = (*first)->addresses()[0];
  const auto second = AgentServer::listen({address}, &agent, &agent);
  ASSERT_FALSE(second);
  EXPECT_NE(second.error().message.find("cannot listen on " + address),
            std::string::npos);
}

}  // namespace
}  // namespace causeway
