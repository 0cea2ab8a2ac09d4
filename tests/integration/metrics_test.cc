// What Prometheus sees of a move, over HTTP.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <httplib.h>

#include "tests/integration/test_agent.h"

namespace causeway::integration {
namespace {

using testing::HasSubstr;

// The agent says where: "metrics at http://HOST:PORT/metrics".
std::string scrape(const TestAgent& agent) {
  const std::string log = agent.log();
  const std::string mark = "metrics at http://";
  const size_t begin = log.find(mark) + mark.size();
  httplib::Client client(
      "http://" + log.substr(begin, log.find("/metrics", begin) - begin));
  const auto reply = client.Get("/metrics");
  return reply && reply->status == 200 ? reply->body : "no answer";
}

TEST(Metrics, TellOfAMove) {
  if (const std::string why = why_no_kvm(); !why.empty()) GTEST_SKIP() << why;
  TestFolder folder;
  TestAgentOptions options;
  options.arguments = {"--metrics", "127.0.0.1:0"};
  TestAgent a(folder, "A", options);
  TestAgent b(folder, "B", options);
  ASSERT_EQ(a.run_guest("g", {"--memory", "16M"}).exit_code, 0);
  EXPECT_THAT(scrape(a), HasSubstr("causeway_guests{state=\"running\"} 1\n"));
  const CommandResult refused = causeway(
      folder, {"migrate", "g", "--from", a.address(), "--to", "127.0.0.1:1"});
  EXPECT_EQ(refused.exit_code, 5);
  const CommandResult moved = causeway(
      folder, {"migrate", "g", "--from", a.address(), "--to", b.address()});
  ASSERT_EQ(moved.exit_code, 0) << moved.text();
  const std::string source = scrape(a);
  EXPECT_THAT(source, HasSubstr("causeway_departures_total 1\n"));
  EXPECT_THAT(
      source,
      HasSubstr("causeway_departures_failed_total{error=\"unreachable\"} 1\n"));
  EXPECT_THAT(source, HasSubstr("causeway_blackout_seconds_count 1\n"));
  EXPECT_THAT(source, testing::Not(HasSubstr("state=\"running\"")));
  const std::string target = scrape(b);
  EXPECT_THAT(target, HasSubstr("causeway_arrivals_total 1\n"));
  EXPECT_THAT(target, HasSubstr("causeway_guests{state=\"running\"} 1\n"));
}

TEST(Metrics, APortThatIsTakenSaysSo) {
  TestFolder folder;
  TestAgentOptions options;
  options.arguments = {"--metrics", "127.0.0.1:0"};
  TestAgent a(folder, "A", options);
  const CommandResult taken =
      causeway(folder, {"agent", "--name", "B", "--listen", "127.0.0.1:0",
                        "--state", folder.file("B"), "--metrics", a.address()});
  EXPECT_EQ(taken.exit_code, 5) << taken.text();
  EXPECT_THAT(taken.err, HasSubstr("cannot serve metrics on " + a.address()));
}

}  // namespace
}  // namespace causeway::integration
