// The chooser against every fixed level, in a simulation: recorded speeds and
// ratios, a link with a buffer before it, workers that wait when that is full.
#include "engine/policy/codec_choice.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <random>
#include <string>
#include <vector>

namespace causeway {
namespace {

// One core, GB/s in, GB/s out, ratio; level none is in none of them.
struct Recorded {
  double encode_gb_s;
  double decode_gb_s;
  double ratio;
};
struct Content {
  const char* name;
  double random_share;
  std::array<Recorded, 3> levels;  // 0, 1, 3
};
// The Xeon of perf/README.md and, "64K", of another such machine: batches of
// 64 KiB, with their slow level 0 on machine code and fast level 1 on heaps.
constexpr Content kHeap = {
    "heap", 0, {{{0.72, 1.06, 3.54}, {0.68, 1.10, 4.32}, {0.39, 1.23, 4.58}}}};
constexpr Content kCode = {
    "code", 0, {{{0.37, 0.47, 1.68}, {0.35, 0.48, 1.90}, {0.28, 0.49, 1.98}}}};
constexpr Content kText = {
    "text", 0, {{{0.41, 0.65, 2.53}, {0.40, 0.80, 3.38}, {0.35, 0.81, 3.38}}}};
constexpr Content kHeap64 = {
    "heap 64K",
    0,
    {{{1.30, 1.79, 3.11}, {1.10, 1.37, 3.74}, {0.51, 1.39, 3.70}}}};
constexpr Content kCode64 = {
    "code 64K",
    0,
    {{{0.76, 0.94, 2.54}, {0.62, 0.88, 3.01}, {0.37, 0.89, 3.07}}}};
constexpr Content kNoise = {"random", 1, kText.levels};
constexpr Content kHalf = {"half random", 0.5, kText.levels};
constexpr Content kMixed = {"a third random", 1.0 / 3, kText.levels};

constexpr double kSendSByte = 1 / 1.4e9;
constexpr double kPassSByte = 1 / 5.6e9;
constexpr double kLinkBuffer = 2e6;  // what sockets take ahead of the link

struct Step {
  const Content* content;
  double link_bytes_s;
};

// A migration that does one interval after another.
class Migration {
 public:
  // `processors`: that both ends' workers share, as on one machine; 0: they
  // have their own. `restless`: an interval takes between 1 / (1 + that) and
  // 1 + that times what it should.
  Migration(uint32_t workers, double free_share, uint64_t seed,
            double processors = 0, double restless = 0)
      : workers_(workers),
        free_share_(free_share),
        processors_(processors),
        restless_(restless),
        random_(seed) {}

  double time_s() const { return time_s_ + queue_ / link_; }
  double sent() const { return sent_; }

  CodecInterval run(int level, const Step& step) {
    link_ = step.link_bytes_s;
    const Content& content = *step.content;
    const double random = level < 0 ? 1 : content.random_share;
    const Recorded& at =
        content
            .levels[level == 3 ? 2 : static_cast<size_t>(std::max(level, 0))];
    const double out = random + (1 - random) / at.ratio;
    const double pass = level < 0 ? 0 : kPassSByte * random;
    const double source =
        kSendSByte * out + pass + (1 - random) / at.encode_gb_s / 1e9;
    const double target =
        level < 0 ? kSendSByte
                  : kSendSByte * out + (1 - random) / at.decode_gb_s / 1e9;
    const double power = workers_ * free_share_;
    // What the path drains of the queue: the link, or the target behind it.
    double drain = std::min(link_, workers_ / target * out);
    if (processors_ > 0) {
      drain = std::min(drain, processors_ / (source + target) * out);
    }
    const double fill = power / source * out;
    const double bytes = std::max<double>(
        kCodecIntervalBytesMin,
        seconds(kCodecIntervalMin) * std::min(fill, drain) / out);
    const double wire = bytes * out;
    double time = wire / fill;
    double blocked = 0;
    if (queue_ + (fill - drain) * time > kLinkBuffer) {
      // Full after a while; then as fast as it drains.
      const double until = (kLinkBuffer - queue_) / (fill - drain);
      const double rest = wire - fill * until;
      time = until + rest / drain;
      blocked = rest / drain - rest / fill;
      queue_ = kLinkBuffer;
    } else {
      queue_ = std::max(0.0, queue_ + (fill - drain) * time);
    }
    const double rest = restlessness();
    time *= rest;
    blocked *= rest;
    time_s_ += time;
    sent_ += bytes;
    CodecInterval seen;
    seen.level = level;
    seen.workers = workers_;
    seen.time = duration(time);
    seen.busy = duration((time - blocked) * workers_ * noise());
    seen.blocked = duration(blocked * workers_);
    seen.in_bytes = static_cast<uint64_t>(bytes);
    seen.wire_bytes = static_cast<uint64_t>(wire * noise());
    seen.random_share =
        std::clamp(content.random_share +
                       (content.random_share > 0 ? 0.05 * (noise() - 1) : 0.0),
                   0.0, 1.0);
    return seen;
  }

 private:
  static Duration duration(double s) {
    return Duration(static_cast<int64_t>(s * 1e9));
  }
  double noise() {
    return std::uniform_real_distribution<double>(0.93, 1.07)(random_);
  }

  double restlessness() {
    const double slower =
        1 + std::uniform_real_distribution<double>(0, restless_)(random_);
    return random_() % 2 == 0 ? slower : 1 / slower;
  }

  uint32_t workers_;
  double free_share_;
  double processors_;
  double restless_;
  std::mt19937_64 random_;
  double link_ = 1;
  double queue_ = 0;  // bytes between the workers and the link
  double time_s_ = 0;
  double sent_ = 0;
};

using Plan = std::function<Step(double share_sent)>;

struct Setting {
  uint32_t workers = 1;
  double free_share = 1;
  uint64_t seed = 1;
  double guest_bytes = 4e9;
  double processors = 0;
  double restless = 0;
};

double fixed_s(int level, const Setting& at, const Plan& plan) {
  Migration migration(at.workers, at.free_share, at.seed, at.processors,
                      at.restless);
  while (migration.sent() < at.guest_bytes) {
    (void)migration.run(level, plan(migration.sent() / at.guest_bytes));
  }
  return migration.time_s();
}

double chosen_s(const Setting& at, const Plan& plan,
                std::vector<int>* levels = nullptr) {
  Migration migration(at.workers, at.free_share, at.seed, at.processors,
                      at.restless);
  CodecChooser chooser;
  int level = kCodecLevelNone;
  while (migration.sent() < at.guest_bytes) {
    const CodecInterval seen =
        migration.run(level, plan(migration.sent() / at.guest_bytes));
    level = chooser.decide(seen).level;
    if (levels != nullptr) levels->push_back(level);
  }
  return migration.time_s();
}

double best_fixed_s(const Setting& at, const Plan& plan) {
  double best = 1e99;
  for (const int level : kCodecLevels) {
    best = std::min(best, fixed_s(level, at, plan));
  }
  return best;
}

uint64_t seed_of_run() {
  const char* given = std::getenv("CAUSEWAY_SEED");
  const uint64_t seed = given != nullptr ? std::strtoull(given, nullptr, 10)
                                         : std::random_device{}();
  return seed;
}

constexpr double kMbitS = 1e6 / 8;
constexpr double kRestlessMax = 1.3;

double slower_than_the_best(const Setting& at, const Content& content,
                            double mbit_s) {
  const Plan plan = [&](double) { return Step{&content, mbit_s * kMbitS}; };
  return chosen_s(at, plan) / best_fixed_s(at, plan);
}

template <typename Check>
void for_each_link(Check check) {
  for (const Content& content :
       {kHeap, kCode, kText, kHeap64, kCode64, kNoise, kMixed, kHalf}) {
    for (double mbit_s = 10; mbit_s <= 40'000; mbit_s *= 2) {
      check(content, mbit_s);
    }
  }
}

// Seven contents, 1 to 4 workers, 10 Mbit/s to 40 Gbit/s.
TEST(CodecChoice, IsNeverFivePercentSlowerThanTheBestFixedLevel) {
  const uint64_t seed = seed_of_run();
  SCOPED_TRACE(testing::Message() << "CAUSEWAY_SEED=" << seed);
  double worst = 0;
  for (const Content& content :
       {kHeap, kCode, kText, kHeap64, kCode64, kNoise, kMixed}) {
    for (uint32_t workers = 1; workers <= 4; ++workers) {
      for (double mbit_s = 10; mbit_s <= 40'000; mbit_s *= 1.3) {
        const Setting at{workers, 1, seed};
        const Plan plan = [&](double) {
          return Step{&content, mbit_s * kMbitS};
        };
        const double slower = chosen_s(at, plan) / best_fixed_s(at, plan);
        worst = std::max(worst, slower);
        EXPECT_LE(slower, 1.05) << content.name << ", " << workers
                                << " workers, " << mbit_s << " Mbit/s";
      }
    }
  }
  RecordProperty("worst", std::to_string(worst));
}

// Both ends on two processors, where nothing but these is the limit.
TEST(CodecChoice, TakesNoOtherLimitForTheLink) {
  const uint64_t seed = seed_of_run();
  SCOPED_TRACE(testing::Message() << "CAUSEWAY_SEED=" << seed);
  for_each_link([&](const Content& content, double mbit_s) {
    const Setting at{2, 1, seed, 2e9, /*processors=*/2};
    EXPECT_LE(slower_than_the_best(at, content, mbit_s), 1.05)
        << content.name << ", " << mbit_s << " Mbit/s";
  });
}

// Times of two thirds to one and a half of what they should be tell less, and
// not at once.
TEST(CodecChoice, IsNotMisledByARestlessMachine) {
  const uint64_t seed = seed_of_run();
  SCOPED_TRACE(testing::Message() << "CAUSEWAY_SEED=" << seed);
  for_each_link([&](const Content& content, double mbit_s) {
    for (const double processors : {0., 2.}) {
      const Setting at{2, 1, seed, 2e9, processors, /*restless=*/0.5};
      EXPECT_LE(slower_than_the_best(at, content, mbit_s), kRestlessMax)
          << content.name << ", " << mbit_s << " Mbit/s, " << processors
          << " processors";
    }
  });
}

// Workers that the machine gives half of their time: slower, by every figure.
TEST(CodecChoice, CountsTheTimeThatTheWorkersReallyHave) {
  const uint64_t seed = seed_of_run();
  SCOPED_TRACE(testing::Message() << "CAUSEWAY_SEED=" << seed);
  for (const double free_share : {0.5, 0.2}) {
    for (double mbit_s = 10; mbit_s <= 40'000; mbit_s *= 1.7) {
      const Setting at{2, free_share, seed};
      const Plan plan = [&](double) { return Step{&kHeap, mbit_s * kMbitS}; };
      EXPECT_LE(chosen_s(at, plan) / best_fixed_s(at, plan), 1.05)
          << free_share << " of two workers, " << mbit_s << " Mbit/s";
    }
  }
}

// What changes in the middle: against the best level for each half.
TEST(CodecChoice, FollowsTheContentAndTheLink) {
  const uint64_t seed = seed_of_run();
  SCOPED_TRACE(testing::Message() << "CAUSEWAY_SEED=" << seed);
  const auto check = [&](const Step& first, const Step& second) {
    const Setting at{2, 1, seed, 8e9};
    const auto half = [&](const Step& step) {
      return best_fixed_s(at, [&](double) { return step; }) / 2;
    };
    const double best = half(first) + half(second);
    const double chosen = chosen_s(
        at, [&](double share) { return share < 0.5 ? first : second; });
    EXPECT_LE(chosen / best, 1.10)
        << first.content->name << " " << first.link_bytes_s << ", then "
        << second.content->name << " " << second.link_bytes_s;
  };
  for (const double mbit_s : {100., 1000., 5000., 20'000.}) {
    const double link = mbit_s * kMbitS;
    check({&kNoise, link}, {&kText, link});
    check({&kText, link}, {&kNoise, link});
    check({&kHeap, link}, {&kCode, link});
    check({&kHeap, link}, {&kHeap, 10 * link});
    check({&kHeap, 10 * link}, {&kHeap, link});
  }
}

TEST(CodecChoice, SlowLinksGetDeltasEvenForWhatDoesNotDeflate) {
  CodecChooser chooser;
  Migration migration(2, 1, 1);
  int level = kCodecLevelNone;
  bool deltas = false;
  for (int i = 0; i < 20; ++i) {
    const auto decision =
        chooser.decide(migration.run(level, {&kNoise, 100 * kMbitS}));
    level = decision.level;
    deltas = decision.deltas;
  }
  EXPECT_NE(level, kCodecLevelNone);
  EXPECT_TRUE(deltas);
}

TEST(CodecChoice, AFastLinkIsLeftAlone) {
  std::vector<int> levels;
  (void)chosen_s(
      {2, 1, 1},
      [](double) {
        return Step{&kCode, 5e9};
      },
      &levels);
  EXPECT_EQ(std::count(levels.begin(), levels.end(), kCodecLevelNone),
            static_cast<std::ptrdiff_t>(levels.size()));
}

TEST(CodecChoice, TheSameTraceMakesTheSameDecisions) {
  std::vector<int> first;
  std::vector<int> second;
  const Plan plan = [](double share) {
    return Step{share < 0.3 ? &kHeap : &kCode, share < 0.6 ? 5e8 : 5e7};
  };
  (void)chosen_s({3, 1, 9}, plan, &first);
  (void)chosen_s({3, 1, 9}, plan, &second);
  EXPECT_EQ(first, second);
  EXPECT_GT(first.size(), 10u);
}

TEST(CodecChoice, NothingSentChangesNothing) {
  CodecChooser chooser;
  const CodecDecision decision = chooser.decide({});
  EXPECT_EQ(decision.level, kCodecLevelNone);
  EXPECT_EQ(decision.why, "nothing was sent");
}

}  // namespace
}  // namespace causeway
