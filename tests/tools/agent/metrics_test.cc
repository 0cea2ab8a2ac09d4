#include "tools/agent/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace causeway {
namespace {

using testing::HasSubstr;

TEST(Metrics, AreWhatHappened) {
  Metrics metrics;
  metrics.moved({3, 4096, 2048, 0.0015});
  metrics.moved({5, 4096, 1024, 0.3});
  metrics.moved({1, 0, 0, 3600});
  metrics.failed(ErrorCode::kCancelled);
  metrics.failed(ErrorCode::kCancelled);
  metrics.failed(ErrorCode::kNoSpace);
  metrics.arrived();
  metrics.not_arrived();
  const std::string text = metrics.text({{{"running", 2}}, {{"undecided", 1}}});
  for (const char* line :
       {"causeway_guests{state=\"running\"} 2\n",
        "causeway_migrations{state=\"undecided\"} 1\n",
        "causeway_departures_total 3\n",
        "causeway_departures_failed_total{error=\"cancelled\"} 2\n",
        "causeway_departures_failed_total{error=\"no-space\"} 1\n",
        "causeway_arrivals_total 1\n", "causeway_arrivals_failed_total 1\n",
        "causeway_rounds_total 9\n",
        "causeway_bytes_total{kind=\"wire\"} 3072\n",
        "# TYPE causeway_blackout_seconds histogram\n",
        "causeway_blackout_seconds_bucket{le=\"0.001\"} 0\n",
        "causeway_blackout_seconds_bucket{le=\"0.002\"} 1\n",
        "causeway_blackout_seconds_bucket{le=\"0.5\"} 2\n",
        "causeway_blackout_seconds_bucket{le=\"60\"} 2\n",
        "causeway_blackout_seconds_bucket{le=\"+Inf\"} 3\n",
        "causeway_blackout_seconds_count 3\n"}) {
    EXPECT_THAT(text, HasSubstr(line));
  }
}

// Each line is a comment or "name{label} number", each name has its head.
TEST(Metrics, AreInTheExpositionFormat) {
  Metrics metrics;
  metrics.failed(ErrorCode::kIo);
  const std::string text = metrics.text({});
  std::istringstream lines(text);
  std::string line;
  std::string headed;
  while (std::getline(lines, line)) {
    if (line.starts_with("# TYPE ")) {
      headed = line.substr(7, line.find(' ', 7) - 7);
      continue;
    }
    if (line.starts_with("# HELP ")) continue;
    EXPECT_TRUE(line.starts_with(headed)) << line;
    EXPECT_THAT(line, testing::MatchesRegex("[a-z_]+([{].*[}])? [0-9.e+]+"));
  }
  EXPECT_EQ(text.back(), '\n');
}

}  // namespace
}  // namespace causeway
