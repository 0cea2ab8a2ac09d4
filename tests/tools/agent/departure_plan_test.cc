#include "tools/agent/departure_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace causeway {
namespace {

using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr Duration kNear = milliseconds(1);
constexpr Duration kFar = milliseconds(50);

control::MigrateRequest a_wish() {
  control::MigrateRequest wish;
  wish.set_guest("g");
  wish.set_to("b:1");
  wish.set_mode("pre-copy");
  wish.set_proof("frozen");
  wish.set_streams(2);
  wish.set_max_blackout_us(50000);
  return wish;
}

control::MigrateRequest a_wish_by(const char* path) {
  control::MigrateRequest wish = a_wish();
  wish.mutable_path()->set_kind(path);
  return wish;
}

DeparturePlan plan_of(const control::MigrateRequest& wish) {
  auto plan = DeparturePlan::make(wish, true);
  EXPECT_TRUE(plan) << plan.error().message;
  return std::move(plan).value();
}

RdmaEnds fabrics_a_and_b() {
  RdmaEnds ends;
  ends.fabrics = {{"a", "10.0.0.1:0"}, {"b", "10.1.0.1:0"}};
  return ends;
}

FabricNames names(const std::vector<std::string>& all) {
  return {all.begin(), all.end()};
}

nlohmann::json spec_of(const DeparturePlan& plan, const WanEnds& wan = {},
                       const std::vector<std::string>& lane_peers = {}) {
  nlohmann::json spec = {{"role", "source"}};
  plan.tell(&spec, wan, fabrics_a_and_b(), lane_peers);
  return spec;
}

TEST(DeparturePlan, RefusesWhatCannotBe) {
  const auto refusal = [](auto&& spoil) {
    control::MigrateRequest wish = a_wish();
    spoil(&wish);
    const auto plan = DeparturePlan::make(wish, true);
    if (plan) return std::string("it is taken");
    EXPECT_EQ(plan.error().code, ErrorCode::kInvalidArgument);
    return plan.error().message;
  };
  EXPECT_EQ(refusal([](auto*) {}), "it is taken");
  EXPECT_THAT(refusal([](auto* w) { w->set_mode("x"); }), HasSubstr("no mode"));
  EXPECT_THAT(refusal([](auto* w) { w->set_proof(""); }),
              HasSubstr("no proof"));
  EXPECT_THAT(refusal([](auto* w) { w->set_streams(0); }),
              HasSubstr("0 streams"));
  EXPECT_THAT(refusal([](auto* w) { w->set_max_blackout_us(0); }),
              HasSubstr("blackout"));
  EXPECT_THAT(refusal([](auto* w) { w->set_codec("x"); }), HasSubstr("x"));
  EXPECT_THAT(refusal([](auto* w) { w->set_dedup("x"); }),
              HasSubstr("no way to dedup"));
  EXPECT_THAT(refusal([](auto* w) { w->mutable_path()->set_kind("x"); }),
              HasSubstr("no path"));
  EXPECT_FALSE(DeparturePlan::make(a_wish_by("wan"), false));
}

TEST(DeparturePlan, APathThatWasSaidIsNotChosen) {
  EXPECT_TRUE(plan_of(a_wish()).path_is_open());
  EXPECT_TRUE(plan_of(a_wish_by("auto")).path_is_open());
  EXPECT_FALSE(plan_of(a_wish_by("tcp")).path_is_open());
}

TEST(DeparturePlan, TheRoundTripChoosesThePath) {
  DeparturePlan near = plan_of(a_wish());
  EXPECT_EQ(near.choose_path(kNear).kind, "tcp");
  EXPECT_TRUE(near.goes_by("tcp"));
  DeparturePlan far = plan_of(a_wish());
  far.choose_path(kFar);
  EXPECT_TRUE(far.goes_by("wan"));
  auto clear = DeparturePlan::make(a_wish(), false);
  ASSERT_TRUE(clear);
  clear->choose_path(kFar);
  EXPECT_TRUE(clear->goes_by("tcp"));
}

TEST(DeparturePlan, TheLossChoosesTheController) {
  DeparturePlan unknown = plan_of(a_wish_by("wan"));
  EXPECT_EQ(unknown.choose_congestion(std::nullopt)->name, "bbr2");
  EXPECT_TRUE(unknown.on_trial());
  DeparturePlan lossy = plan_of(a_wish_by("wan"));
  EXPECT_EQ(lossy.choose_congestion(0.05)->name, "bbr");
  EXPECT_FALSE(lossy.on_trial());
  EXPECT_EQ(spec_of(lossy)["congestion"], "bbr");
}

TEST(DeparturePlan, NoControllerIsChosenOfAnotherPathOrAgainstAWord) {
  DeparturePlan tcp = plan_of(a_wish_by("tcp"));
  EXPECT_FALSE(tcp.choose_congestion(0.05));
  control::MigrateRequest wish = a_wish_by("wan");
  wish.mutable_path()->set_congestion("cubic");
  DeparturePlan said = plan_of(wish);
  EXPECT_FALSE(said.choose_congestion(0.05));
  EXPECT_FALSE(said.on_trial());
  EXPECT_EQ(said.request().path().congestion(), "cubic");
}

TEST(DeparturePlan, ADryRunIsNotOnTrial) {
  control::MigrateRequest wish = a_wish_by("wan");
  wish.set_dry_run(true);
  DeparturePlan plan = plan_of(wish);
  EXPECT_EQ(plan.choose_congestion(std::nullopt)->name, "bbr2");
  EXPECT_FALSE(plan.on_trial());
}

TEST(DeparturePlan, AsksForRdmaWhereItWouldDo) {
  const auto asked = [](const DeparturePlan& plan) {
    control::ReserveRequest request;
    plan.ask(&request, {}, fabrics_a_and_b());
    return std::vector<std::string>(request.rdma_fabrics().begin(),
                                    request.rdma_fabrics().end());
  };
  DeparturePlan open = plan_of(a_wish());
  open.choose_path(kNear);
  EXPECT_THAT(asked(open), ElementsAre("a", "b"));
  EXPECT_THAT(asked(plan_of(a_wish_by("rdma"))), ElementsAre("a", "b"));
  EXPECT_THAT(asked(plan_of(a_wish_by("tcp"))), ElementsAre());
  DeparturePlan far = plan_of(a_wish());
  far.choose_path(kFar);
  EXPECT_THAT(asked(far), ElementsAre());
}

TEST(DeparturePlan, ATrustedFabricMakesItRdmaAndTurnsTheCodecsOff) {
  DeparturePlan plan = plan_of(a_wish());
  plan.choose_path(kNear);
  EXPECT_EQ(spec_of(plan)["codec"], "auto");
  ASSERT_TRUE(plan.take_fabrics(fabrics_a_and_b(), names({"b", "a"})));
  EXPECT_FALSE(plan.misses_rdma(fabrics_a_and_b()));
  const nlohmann::json spec = spec_of(plan);
  EXPECT_EQ(spec["path"], "rdma");
  ASSERT_EQ(spec["rdma"]["devices"].size(), 2u);
  EXPECT_EQ(spec["rdma"]["devices"][0]["device_address"], "10.1.0.1:0");
  EXPECT_EQ(spec["rdma"]["devices"][1]["fabric"], "a");
  EXPECT_EQ(spec["rdma"]["required"], 0u);
  EXPECT_EQ(spec["codec"], "none");
  EXPECT_EQ(spec["dedup"], "off");
}

TEST(DeparturePlan, WithoutASharedFabricWhatWasChosenStays) {
  DeparturePlan plan = plan_of(a_wish());
  plan.choose_path(kNear);
  EXPECT_TRUE(plan.take_fabrics(fabrics_a_and_b(), names({})));
  EXPECT_TRUE(plan.misses_rdma(fabrics_a_and_b()));
  EXPECT_FALSE(plan.misses_rdma({}));
  EXPECT_EQ(spec_of(plan)["path"], "tcp");
  EXPECT_FALSE(spec_of(plan).contains("rdma"));
}

TEST(DeparturePlan, WhoSaidRdmaHasItOrNothing) {
  DeparturePlan plan = plan_of(a_wish_by("rdma"));
  ASSERT_TRUE(plan.take_fabrics(fabrics_a_and_b(), names({"a"})));
  EXPECT_EQ(spec_of(plan)["rdma"]["required"], 1u);
}

// A target's answer is not believed where nobody asked.
TEST(DeparturePlan, ATargetCannotMakeItRdma) {
  DeparturePlan plan = plan_of(a_wish_by("tcp"));
  const auto refused = plan.take_fabrics(fabrics_a_and_b(), names({"a"}));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kPeerBroken);
}

TEST(DeparturePlan, ATargetCannotNameWhatThisHostDoesNotTrust) {
  DeparturePlan plan = plan_of(a_wish_by("rdma"));
  const auto refused = plan.take_fabrics(fabrics_a_and_b(), names({"a", "x"}));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kPeerBroken);
  EXPECT_THAT(refused.error().message, HasSubstr("\"x\""));
}

TEST(DeparturePlan, TellsTheMoverWhatWasWished) {
  control::MigrateRequest wish = a_wish_by("tcp");
  wish.set_bandwidth_bytes_s(7);
  wish.set_time_limit_us(9);
  wish.set_codec("deflate:1");
  wish.set_dedup("on");
  const nlohmann::json spec = spec_of(plan_of(wish));
  const nlohmann::json expected = {{"role", "source"},
                                   {"streams", 2},
                                   {"bandwidth_bytes_s", 7},
                                   {"codec", "deflate:1"},
                                   {"dedup", "on"},
                                   {"mode", "pre-copy"},
                                   {"max_blackout_us", 50000},
                                   {"proof", "frozen"},
                                   {"time_limit_us", 9},
                                   {"dry_run", 0},
                                   {"path", "tcp"}};
  EXPECT_EQ(spec, expected);
}

TEST(DeparturePlan, HasNoMoreLanesThanEitherEnd) {
  WanEnds wan;
  wan.via = {"10.0.0.1:0", "10.0.0.2:0"};
  const DeparturePlan plan = plan_of(a_wish_by("wan"));
  control::ReserveRequest request;
  plan.ask(&request, wan, {});
  EXPECT_EQ(request.lanes(), 2u);
  EXPECT_EQ(spec_of(plan, wan, {"p:1", "p:2", "p:3"})["lanes"].size(), 2u);
  EXPECT_EQ(spec_of(plan, wan, {"p:1"})["lanes"].size(), 1u);
  EXPECT_FALSE(spec_of(plan, wan, {}).contains("lanes"));
}

TEST(DeparturePlan, BeginsAnewByBbrInTheTimeThatIsLeft) {
  control::MigrateRequest wish = a_wish_by("wan");
  DeparturePlan plan = plan_of(wish);
  plan.choose_congestion(std::nullopt);
  EXPECT_EQ(plan.anew(milliseconds(4)).time_limit_us(), 0u);
  wish.set_time_limit_us(10000);
  plan = plan_of(wish);
  plan.choose_congestion(std::nullopt);
  const control::MigrateRequest anew = plan.anew(milliseconds(4));
  EXPECT_EQ(anew.time_limit_us(), 6000u);
  EXPECT_EQ(anew.path().congestion(), "bbr");
  // Never 0, which would be no limit.
  EXPECT_EQ(plan.anew(milliseconds(400)).time_limit_us(), 1u);
  EXPECT_FALSE(plan_of(anew).on_trial());
}

}  // namespace
}  // namespace causeway
