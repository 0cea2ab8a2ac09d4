// Who may ask an agent for what, and what is said to who may not.
#include "tools/agent/gatekeeper.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace causeway {
namespace {

using testing::HasSubstr;

const AccessRules kRules{false, "B", {"b", "ops"}, {"a"}};
const Caller kNobody{};
const Caller kLocal{"", true};

TEST(Gatekeeper, OperatorsMayOperateAndNoMore) {
  for (const char* name : {"b", "ops"}) {
    EXPECT_TRUE(may_operate(kRules, {name})) << name;
    EXPECT_FALSE(may_send_guests(kRules, {name})) << name;
  }
}

TEST(Gatekeeper, PeersMaySendGuestsAndNoMore) {
  EXPECT_TRUE(may_send_guests(kRules, {"a"}));
  const Status refused = may_operate(kRules, {"a"});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kPermission);
  EXPECT_THAT(refused.error().message,
              HasSubstr("a may not command host B: `causeway agent --operator "
                        "a` there would let it"));
}

TEST(Gatekeeper, StrangersAreToldWhatWouldLetThemIn) {
  const Status refused = may_send_guests(kRules, {"c"});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kPermission);
  EXPECT_THAT(refused.error().message,
              HasSubstr("c may not move guests to host B: `causeway agent "
                        "--allow c` there would let it"));
}

TEST(Gatekeeper, TheLocalSocketIsAnOperatorAndNoPeer) {
  EXPECT_TRUE(may_operate(kRules, kLocal));
  EXPECT_FALSE(may_send_guests(kRules, kLocal));
}

// Not even when a rule is empty by mistake.
TEST(Gatekeeper, WhoHasNoNameIsNobody) {
  AccessRules rules = kRules;
  rules.operators.insert("");
  rules.peers.insert("");
  EXPECT_FALSE(may_operate(rules, kNobody));
  const Status refused = may_send_guests(rules, kNobody);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("no DNS name"));
}

TEST(Gatekeeper, InTheClearEveryoneMayDoEverything) {
  const AccessRules rules{true, "B", {}, {}};
  for (const Caller& caller : {kNobody, kLocal}) {
    EXPECT_TRUE(may_operate(rules, caller));
    EXPECT_TRUE(may_send_guests(rules, caller));
  }
}

}  // namespace
}  // namespace causeway
