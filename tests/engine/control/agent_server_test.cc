// Client and server together, over a real socket, with a handler that answers
// from memory.
#include "engine/control/agent_server.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <thread>

#include "engine/base/limits.h"
#include "engine/control/agent_client.h"
#include "tests/engine/control/tls_handshake.h"
#include "tests/engine/path/tcp/test_certificates.h"

namespace causeway {
namespace {

class FakeAgent : public GuestHandler, public MigrationHandler {
 public:
  Result<control::GuestStatus> run_guest(
      const Caller& caller, const control::GuestConfig& config) override {
    {
      const std::lock_guard lock(mutex_);
      last_caller_ = caller;
    }
    {
      const std::lock_guard lock(mutex_);
      if (refusal_) return *refusal_;
    }
    control::GuestStatus status;
    *status.mutable_config() = config;
    status.set_state("running");
    return status;
  }
  Result<control::GuestList> list_guests(const Caller&) override {
    control::GuestList list;
    list.set_agent("fake");
    return list;
  }
  Result<control::CheckReply> check_guest(const Caller&,
                                          const std::string&) override {
    control::CheckReply reply;
    reply.set_ok(true);
    return reply;
  }
  Status stop_guest(const Caller&, const std::string& name) override {
    return make_error(ErrorCode::kNotFound, "no guest {}", name);
  }
  Status break_guest(const Caller&, const control::Fault&) override {
    return {};
  }

  Status migrate(const Caller&, const control::MigrateRequest& request,
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
  Status cancel(const Caller&, const std::string&) override { return {}; }
  Status watch(const Caller&, const std::string&, const WatchSink&) override {
    return {};
  }
  Status probe(const Caller&, const control::ProbeRequest& request,
               const ProbeSink& sink) override {
    for (const std::string& path : request.paths()) {
      control::PathProbe result;
      result.set_path(path);
      sink(&result);
    }
    return {};
  }
  Result<control::AnswerProbeReply> answer_probe(
      const Caller&, const control::AnswerProbeRequest& request) override {
    control::AnswerProbeReply reply;
    reply.set_mover_address(request.path());
    return reply;
  }
  Result<control::ReserveReply> reserve(
      const Caller&, const control::ReserveRequest& request) override {
    control::ReserveReply reply;
    reply.set_mover_address(std::to_string(request.features().size()));
    return reply;
  }
  Result<control::OutcomeReply> outcome(const Caller&,
                                        const std::string&) override {
    return control::OutcomeReply();
  }
  Status hold(const Caller&, const std::string&, bool) override { return {}; }
  Status discard(const Caller&, const std::string&) override { return {}; }
  Result<control::DecisionReply> decision(const Caller&,
                                          const std::string& id) override {
    control::DecisionReply reply;
    reply.set_why(id);
    return reply;
  }
  Result<control::CommitReply> commit(const Caller&,
                                      const std::string& id) override {
    control::CommitReply reply;
    reply.set_why(id);
    return reply;
  }
  Result<control::MigrationList> list_migrations(const Caller&) override {
    return control::MigrationList();
  }
  Status decide(const Caller&, const control::DecideRequest&) override {
    return {};
  }

  void refuse(Error error) {
    const std::lock_guard lock(mutex_);
    refusal_ = std::move(error);
  }
  Caller last_caller() {
    const std::lock_guard lock(mutex_);
    return last_caller_;
  }
  std::atomic<bool> caller_gone{false};

 private:
  std::mutex mutex_;
  std::optional<Error> refusal_;
  Caller last_caller_;
};

bool says(const Error& error, const std::string& text) {
  return error.message.find(text) != std::string::npos;
}

class AgentServerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto listening = AgentServer::listen({"127.0.0.1:0"}, &agent_, &agent_, {});
    ASSERT_TRUE(listening) << listening.error().message;
    server_ = std::move(listening).value();
    client_ = AgentClient::create(server_->addresses()[0], {}).value();
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
  EXPECT_EQ(reply->reply.mover_address(), std::to_string(kFeaturesBytesMax));
  EXPECT_EQ(reply->agent_name, "") << "in the clear there are no names";
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

// Server "a", client "b", of one CA unless a test says otherwise.
class AgentTlsTest : public ::testing::Test {
 protected:
  std::string listen(const std::string& address = "127.0.0.1:0",
                     const std::optional<TlsFiles>& files = {}) {
    AgentServerOptions options;
    options.tls = files ? files : certificates_.files("a");
    options.certificate_refresh_s = 1;
    auto listening = AgentServer::listen({address}, &agent_, &agent_, options);
    EXPECT_TRUE(listening) << listening.error().message;
    server_ = std::move(listening).value();
    return server_->addresses()[0];
  }
  static Status call(const std::string& address,
                     const std::optional<TlsFiles>& tls) {
    auto client = AgentClient::create(address, tls);
    EXPECT_TRUE(client) << client.error().message;
    auto status = (*client)->run_guest({});
    if (!status) return std::move(status).error();
    return {};
  }
  // `from`'s files over `to`'s.
  static void renew(const TlsFiles& from, const TlsFiles& to) {
    using std::filesystem::copy_file;
    using std::filesystem::copy_options;
    copy_file(from.ca, to.ca, copy_options::overwrite_existing);
    copy_file(from.certificate, to.certificate,
              copy_options::overwrite_existing);
    copy_file(from.key, to.key, copy_options::overwrite_existing);
  }

  TestCertificates certificates_;
  FakeAgent agent_;
  std::unique_ptr<AgentServer> server_;
};

TEST_F(AgentTlsTest, EachEndLearnsTheOthersName) {
  const std::string address = listen();
  EXPECT_TRUE(call(address, certificates_.files("b")));
  EXPECT_EQ(agent_.last_caller().name, "b");
  EXPECT_FALSE(agent_.last_caller().local);
  auto client = AgentClient::create(address, certificates_.files("b")).value();
  EXPECT_EQ(client->reserve({})->agent_name, "a");
}

// A host of the same CA that took the other's address is not believed.
TEST_F(AgentTlsTest, TheWordOfAnotherAgentDoesNotCount) {
  const std::string address = listen();
  auto client =
      AgentClient::create(address, certificates_.files("b"), "c").value();
  const auto decision = client->decision("0123456789abcdef");
  ASSERT_FALSE(decision);
  EXPECT_EQ(decision.error().code, ErrorCode::kPermission);
  EXPECT_TRUE(says(decision.error(), "is \"a\", not \"c\""))
      << decision.error().message;
  client = AgentClient::create(address, certificates_.files("b"), "a").value();
  EXPECT_TRUE(client->decision("0123456789abcdef"));
}

TEST_F(AgentTlsTest, TheLocalSocketNeedsNoCertificate) {
  const std::string address = listen("unix:" + certificates_.folder() + "/s");
  EXPECT_TRUE(call(address, {}));
  EXPECT_EQ(agent_.last_caller().name, "");
  EXPECT_TRUE(agent_.last_caller().local);
}

TEST_F(AgentTlsTest, CallInTheClearSaysThatTheAgentSpeaksTls) {
  const Status status = call(listen(), {});
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, ErrorCode::kPermission);
  EXPECT_TRUE(says(status.error(), "speaks TLS and this end speaks in the"))
      << status.error().message;
}

TEST_F(AgentTlsTest, CallByTlsSaysThatTheAgentSpeaksInTheClear) {
  auto listening = AgentServer::listen({"127.0.0.1:0"}, &agent_, &agent_, {});
  const Status status =
      call((*listening)->addresses()[0], certificates_.files("b"));
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, ErrorCode::kPermission);
  EXPECT_TRUE(says(status.error(), "speaks in the clear and this end speaks"))
      << status.error().message;
}

TEST_F(AgentTlsTest, CallerOfAnotherCaIsRefused) {
  const TestCertificates others;
  TlsFiles files = others.files("b");
  files.ca = certificates_.files("b").ca;
  const Status status = call(listen(), files);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, ErrorCode::kPermission);
  EXPECT_TRUE(says(status.error(), "does not accept this end's certificate"))
      << status.error().message;
}

TEST_F(AgentTlsTest, CallerWithAnExpiredCertificateIsRefused) {
  HostCertificate old{"old"};
  old.begins = -std::chrono::hours(48);
  old.ends = -std::chrono::hours(24);
  certificates_.add(old);
  const Status status = call(listen(), certificates_.files("old"));
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, ErrorCode::kPermission);
}

TEST_F(AgentTlsTest, AgentOfAnotherCaIsRefused) {
  const TestCertificates others;
  TlsFiles files = others.files("a");
  files.ca = certificates_.files("a").ca;
  const Status status =
      call(listen("127.0.0.1:0", files), certificates_.files("b"));
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, ErrorCode::kPermission);
  EXPECT_TRUE(says(status.error(), "is not of a CA in this end's ca.crt"))
      << status.error().message;
}

// A certificate of the right CA, for another address.
TEST_F(AgentTlsTest, AgentAtAnAddressThatIsNotItsOwnIsRefused) {
  const std::string address = listen("127.0.0.2:0");
  const Status status = call(address, certificates_.files("b"));
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, ErrorCode::kPermission);
  EXPECT_TRUE(says(status.error(), "is not for that address"))
      << status.error().message;
  certificates_.add({"a", {"127.0.0.2"}});
  EXPECT_TRUE(call(listen("127.0.0.2:0"), certificates_.files("b")));
}

TEST_F(AgentTlsTest, Tls12IsRefused) {
  EXPECT_TRUE(shakes_hands(listen(), certificates_.files("b"), TLS1_3_VERSION));
  EXPECT_FALSE(shakes_hands(server_->addresses()[0], certificates_.files("b"),
                            TLS1_2_VERSION));
}

// The server is never restarted: first callers of the old CA are let in, then
// those of the new one.
TEST_F(AgentTlsTest, RenewedFilesHoldForLaterCallers) {
  const TestCertificates renewed;
  const std::string address = listen();
  EXPECT_TRUE(call(address, certificates_.files("b")));
  EXPECT_FALSE(call(address, renewed.files("b")));
  renew(renewed.files("a"), certificates_.files("a"));
  const auto deadline =
      std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (!call(address, renewed.files("b"))) {
    ASSERT_LT(std::chrono::steady_clock::now(), deadline);
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  EXPECT_FALSE(call(address, certificates_.files("b")));
}

TEST_F(AgentTlsTest, FilesThatAreMissingAreNamed) {
  TlsFiles files = certificates_.files("a");
  files.certificate = "/nowhere/host.crt";
  const auto client = AgentClient::create("127.0.0.1:1", files);
  ASSERT_FALSE(client);
  EXPECT_EQ(client.error().code, ErrorCode::kNotFound);
  EXPECT_TRUE(says(client.error(), "/nowhere/host.crt"));
  AgentServerOptions options;
  options.tls = files;
  const auto server =
      AgentServer::listen({"127.0.0.1:0"}, &agent_, &agent_, options);
  ASSERT_FALSE(server);
  EXPECT_TRUE(says(server.error(), "/nowhere/host.crt"));
}

TEST(AgentClient, NobodyAnswers) {
  const std::string path = "/tmp/causeway-no-agent-" + std::to_string(getpid());
  for (const std::string& address :
       {std::string("127.0.0.1:1"), "unix:" + path}) {
    const auto client = AgentClient::create(address, {});
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
  const auto first = AgentServer::listen({"127.0.0.1:0"}, &agent, &agent, {});
  ASSERT_TRUE(first);
  const std::string address = (*first)->addresses()[0];
  const auto second = AgentServer::listen({address}, &agent, &agent, {});
  ASSERT_FALSE(second);
  EXPECT_NE(second.error().message.find("cannot listen on " + address),
            std::string::npos);
}

}  // namespace
}  // namespace causeway
