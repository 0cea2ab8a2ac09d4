// Who may do what, over the real binaries; and the certificates that say so.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>

#include <filesystem>

#include "tests/integration/test_agent.h"
#include "tools/pki/authority.h"

namespace causeway::integration {
namespace {

namespace fs = std::filesystem;

// The exit codes of tools/README.md.
constexpr int kInvalidArgument = 2;
constexpr int kNotFound = 3;
constexpr int kAlreadyExists = 4;
constexpr int kPermission = 8;

void expect_failure(const CommandResult& result, int exit_code,
                    const std::string& sentence_part) {
  EXPECT_EQ(result.exit_code, exit_code) << result.text();
  EXPECT_NE(result.err.find(sentence_part), std::string::npos)
      << "missing \"" << sentence_part << "\" in\n"
      << result.text();
}

class TlsTest : public ::testing::Test {
 protected:
  CommandResult run_guest(const TestAgent& agent) {
    std::vector<std::string> arguments = {"--memory", "16M"};
    if (!why_no_kvm().empty()) {
      arguments.insert(arguments.end(), {"--hypervisor", "process"});
    }
    return agent.run_guest("g", arguments);
  }
  CommandResult migrate(const TestAgent& from, const TestAgent& to,
                        const std::vector<std::string>& more = {}) {
    std::vector<std::string> arguments = {"migrate",      "g",    "--from",
                                          from.address(), "--to", to.address()};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return causeway(folder_, arguments);
  }

  TestFolder folder_;
};

// Where no guest of any kind can run, what is refused before is tested still.
class TlsMoveTest : public TlsTest {
 protected:
  void SetUp() override {
    if (why_no_kvm().empty() || why_no_process_guest().empty()) return;
    GTEST_SKIP() << why_no_kvm() << "; " << why_no_process_guest();
  }
};

TEST_F(TlsMoveTest, AHostThatIsNotAllowedSendsNoGuest) {
  const TestAgent a(folder_, "A");
  TestAgentOptions strict;
  strict.allow = {};
  const TestAgent b(folder_, "B", strict);
  ASSERT_EQ(run_guest(a).exit_code, 0);
  expect_failure(migrate(a, b), kPermission,
                 "A may not move guests to host B: `causeway agent --allow A`");
  EXPECT_EQ(a.status("g").value("state", ""), "running");
  EXPECT_EQ(b.leftovers(), "");
}

TEST_F(TlsMoveTest, InTheClearWhenAllThreeSaySo) {
  TestAgentOptions clear;
  clear.clear = true;
  const TestAgent a(folder_, "A", clear);
  const TestAgent b(folder_, "B", clear);
  ASSERT_EQ(run_guest(a).exit_code, 0);
  const CommandResult moved = migrate(a, b, {"--clear"});
  EXPECT_EQ(moved.exit_code, 0) << moved.text() << a.log() << b.log();
  EXPECT_EQ(b.status("g").value("state", ""), "running");
}

TEST_F(TlsMoveTest, TheWanPathIsNeverInTheClear) {
  TestAgentOptions clear;
  clear.clear = true;
  const TestAgent a(folder_, "A", clear);
  const TestAgent b(folder_, "B", clear);
  ASSERT_EQ(run_guest(a).exit_code, 0);
  expect_failure(migrate(a, b, {"--clear", "--path", "wan"}), kInvalidArgument,
                 "the wan path is never in the clear");
  EXPECT_EQ(a.status("g").value("state", ""), "running");
}

TEST_F(TlsMoveTest, TheAgentsMustAgreeOnIt) {
  TestAgentOptions clear;
  clear.clear = true;
  const TestAgent a(folder_, "A", clear);
  const TestAgent b(folder_, "B");
  ASSERT_EQ(run_guest(a).exit_code, 0);
  expect_failure(migrate(a, b, {"--clear"}), kPermission,
                 "the agent at " + b.address() + " speaks TLS");
  EXPECT_EQ(a.status("g").value("state", ""), "running");
  EXPECT_EQ(b.leftovers(), "");
}

// All certificates and the CA itself change; the agents run on, and so does
// the guest.
TEST_F(TlsMoveTest, RenewedCertificatesNeedNoRestart) {
  const TestAgent a(folder_, "A");
  const TestAgent b(folder_, "B");
  ASSERT_EQ(run_guest(a).exit_code, 0);
  const CommandResult moved = migrate(a, b);
  ASSERT_EQ(moved.exit_code, 0) << moved.text() << a.log() << b.log();
  fs::remove(folder_.authority() + "/ca.crt");
  fs::remove(folder_.authority() + "/ca.key");
  ASSERT_TRUE(make_authority(folder_.authority()));
  for (const char* name : {"A", "B", "operator"}) {
    ASSERT_TRUE(make_host(folder_.authority(), {name}));
  }
  // The operator's are new at once, the agents' within their refresh.
  ASSERT_TRUE(eventually([&] { return a.list_works() && b.list_works(); }))
      << a.log();
  const CommandResult back = migrate(b, a);
  EXPECT_EQ(back.exit_code, 0) << back.text() << a.log() << b.log();
  EXPECT_EQ(a.status("g").value("state", ""), "running");
}

// At the point of no return the target's host goes, and another one with a
// certificate of the same CA takes its address: the source, started anew, does
// not take its word for what has become of the guest.
TEST_F(TlsMoveTest, TheSourceHearsNobodyButItsTarget) {
  TestAgentOptions stopped;
  stopped.stop_at = "source.committed";
  TestAgent a(folder_, "A", stopped);
  TestAgent b(folder_, "B");
  ASSERT_EQ(run_guest(a).exit_code, 0);
  RunningCommand moving(
      folder_, {"migrate", "g", "--from", a.address(), "--to", b.address()});
  ASSERT_TRUE(eventually([&] {
    return a.mover() != 0 && state_of(a.mover()) == 'T';
  })) << a.log()
      << b.log();
  a.stop(SIGKILL);
  b.stop(SIGKILL);
  {
    TestAgentOptions at_b;
    at_b.listen = b.address();
    const TestAgent c(folder_, "C", at_b);
    a.start();
    EXPECT_TRUE(eventually([&] {
      return causeway(folder_, {"status", "--agent", a.address()})
                 .out.find("is \"C\", not \"B\"") != std::string::npos;
    })) << causeway(folder_, {"status", "--agent", a.address()}).text();
    EXPECT_EQ(a.status("g").value("state", ""), "frozen");
  }
  b.start();
  EXPECT_TRUE(eventually([&] {
    return b.status("g").value("state", "") == "running" && a.guests().empty();
  })) << a.log()
      << b.log();
  EXPECT_NE(moving.wait().exit_code, 0);
}

TEST_F(TlsTest, AStrangerCommandsNobody) {
  const TestAgent a(folder_, "A");
  const std::string stranger = folder_.certificates("stranger");
  expect_failure(causeway(folder_, {"guest", "list", "--agent", a.address(),
                                    "--tls", stranger}),
                 kPermission,
                 "stranger may not command host A: `causeway agent --operator "
                 "stranger`");
  // The agent's own certificate is an operator's; so is who may open its
  // socket, without any.
  const CommandResult own =
      causeway(folder_, {"guest", "list", "--agent", a.address(), "--tls",
                         folder_.certificates("A")});
  EXPECT_EQ(own.exit_code, 0) << own.text();
  const CommandResult local =
      causeway(folder_, {"guest", "list", "--tls", "/nowhere", "--agent",
                         "unix:" + a.state_folder() + "/agent.sock"});
  EXPECT_EQ(local.exit_code, 0) << local.text();
}

TEST_F(TlsTest, TheTwoEndsMustSpeakTheSame) {
  const TestAgent a(folder_, "A");
  TestAgentOptions clear;
  clear.clear = true;
  const TestAgent b(folder_, "B", clear);
  expect_failure(
      causeway(folder_, {"guest", "list", "--agent", a.address(), "--clear"}),
      kPermission, "the agent at " + a.address() + " speaks TLS");
  expect_failure(causeway(folder_, {"guest", "list", "--agent", b.address()}),
                 kPermission,
                 "the agent at " + b.address() + " speaks in the clear");
}

TEST_F(TlsTest, AnAgentWithoutCertificatesSaysHowToGetSome) {
  const CommandResult result =
      causeway(folder_, {"agent", "--name", "A", "--listen", "127.0.0.1:0",
                         "--state", folder_.file("A"), "--tls", "/nowhere"});
  expect_failure(result, kNotFound, "/nowhere/ca.crt");
  for (const char* word :
       {"causeway pki init", "causeway pki host", "--clear"}) {
    EXPECT_NE(result.err.find(word), std::string::npos) << result.text();
  }
  EXPECT_FALSE(fs::exists(folder_.file("A")));
}

TEST_F(TlsTest, AKeyThatOthersMayReadIsRefused) {
  const std::string folder = folder_.certificates("A");
  ASSERT_EQ(chmod((folder + "/host.key").c_str(), 0640), 0);
  expect_failure(
      causeway(folder_, {"agent", "--name", "A", "--listen", "127.0.0.1:0",
                         "--state", folder_.file("A"), "--tls", folder}),
      kPermission, "chmod 600");
}

TEST_F(TlsTest, PkiMakesWhatAnAgentNeeds) {
  const std::string ca = folder_.file("ca");
  const CommandResult init = causeway(folder_, {"pki", "init", ca});
  EXPECT_EQ(init.exit_code, 0) << init.text();
  const CommandResult host =
      causeway(folder_, {"pki", "host", ca, "h1", "--address", "10.0.0.1",
                         "--address", "h1.example"});
  EXPECT_EQ(host.exit_code, 0) << host.text();
  for (const char* file : {"ca.crt", "host.crt", "host.key"}) {
    EXPECT_TRUE(fs::exists(ca + "/h1/" + file)) << file;
  }
  expect_failure(causeway(folder_, {"pki", "init", ca}), kAlreadyExists,
                 ca + "/ca.crt is there already");
  expect_failure(causeway(folder_, {"pki", "host", folder_.file("none"), "h1"}),
                 kNotFound, "causeway pki init");
  expect_failure(causeway(folder_, {"pki", "host", ca, "a/b"}),
                 kInvalidArgument, "\"a/b\" is no name for a host");
}

}  // namespace
}  // namespace causeway::integration
