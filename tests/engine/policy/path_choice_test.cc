#include "engine/policy/path_choice.h"

#include <gtest/gtest.h>

namespace causeway {
namespace {

using std::chrono::microseconds;

TEST(PathChoice, IsTcpInsideASite) {
  EXPECT_EQ(choose_path({microseconds(200), true}).kind, "tcp");
  EXPECT_EQ(choose_path({microseconds(4999), true}).kind, "tcp");
}

TEST(PathChoice, IsWanBetweenSites) {
  const PathDecision decision = choose_path({microseconds(20'000), true});
  EXPECT_EQ(decision.kind, "wan");
  EXPECT_EQ(decision.why, "the hosts are 20 ms apart");
}

TEST(PathChoice, IsTcpWithoutCertificates) {
  const PathDecision decision = choose_path({microseconds(20'000), false});
  EXPECT_EQ(decision.kind, "tcp");
  EXPECT_NE(decision.why.find("needs certificates"), std::string::npos);
}

}  // namespace
}  // namespace causeway
