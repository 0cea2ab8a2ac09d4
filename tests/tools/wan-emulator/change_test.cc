#include "tools/wan-emulator/change.h"

#include <gtest/gtest.h>

#include <fstream>

namespace causeway {
namespace {

using std::chrono::milliseconds;

TEST(Change, NamesItsDirections) {
  EXPECT_EQ(parse_change("both loss=1%")->directions,
            (std::array<bool, 2>{true, true}));
  EXPECT_EQ(parse_change("a-to-b loss=1%")->directions,
            (std::array<bool, 2>{true, false}));
  EXPECT_EQ(parse_change("  b-to-a\tloss=1% ")->directions,
            (std::array<bool, 2>{false, true}));
}

TEST(Change, AppliesWhollyOrNotAtAll) {
  LinkPair links;
  links[0].delay = milliseconds(10);
  const LinkPair before = links;
  // b-to-a has no delay that this jitter would fit.
  EXPECT_FALSE(apply_change(*parse_change("both jitter=5ms"), &links));
  EXPECT_EQ(links, before);
  EXPECT_TRUE(apply_change(*parse_change("a-to-b jitter=5ms"), &links));
  EXPECT_EQ(links[0].jitter, milliseconds(5));
  EXPECT_EQ(links[1], before[1]);
}

TEST(Change, AScriptIsChangesInOrderOfTime) {
  const auto script = parse_script(
      "# a cut of a second\n"
      "10s both loss=100%\n"
      "\n"
      "11500ms  both  loss=0%   # and back\r\n"
      "20s a-to-b rate=50M,delay=40ms",
      {});
  ASSERT_TRUE(script) << script.error().message;
  ASSERT_EQ(script->size(), 3u);
  EXPECT_EQ((*script)[1].at, milliseconds(11500));
  EXPECT_EQ((*script)[1].settings, "loss=0%");
  EXPECT_EQ((*script)[2].directions, (std::array<bool, 2>{true, false}));
}

// What would only show in the middle of a run shows before it.
TEST(Change, AScriptsErrorsNameTheLine) {
  const std::pair<const char*, const char*> kWrong[] = {
      {"1s both loss=1%\n2 both loss=2%", "line 2: \"2\" is no time"},
      {"\n1s up loss=1%", "line 2: \"up\" is no direction"},
      {"1s both loss=1", "line 1: loss: \"1\" is no share"},
      {"1s both loss=1% delay=2ms", "line 1: \"delay=2ms\" is too much"},
      {"2s both loss=1%\n1s both loss=2%", "line 2: the changes are not in"},
      {"1s both delay=5ms,jitter=5ms\n2s both delay=1ms",
       "line 2: the jitter of 5.0 ms"},
      {"1s both", "line 1: \"\" is no setting"},
  };
  for (const auto& [text, says] : kWrong) {
    const auto script = parse_script(text, {});
    ASSERT_FALSE(script) << text;
    EXPECT_NE(script.error().message.find(says), std::string::npos)
        << script.error().message;
  }
}

TEST(Change, AMissingScriptIsNamed) {
  const auto script = read_script("no-such-script", {});
  ASSERT_FALSE(script);
  EXPECT_EQ(script.error().code, ErrorCode::kNotFound);
  EXPECT_NE(script.error().message.find("no-such-script"), std::string::npos);
}

}  // namespace
}  // namespace causeway
