// Whole migrations in virtual time: what arrives, how rounds go, where the
// guest is after any trouble.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <string>

#include "tests/sim/sim_migration.h"

namespace causeway::sim {
namespace {

using std::chrono::milliseconds;

SimMigrationOptions small() {
  SimMigrationOptions options;
  options.source.migration = "sim-1";
  options.link.rate_bytes_s = 1e9;
  options.link.one_way_delay = std::chrono::microseconds(50);
  return options;
}

void expect_moved(SimMigration& run) {
  ASSERT_TRUE(run.run());
  ASSERT_FALSE(run.source().failure()) << run.source().failure()->error.message;
  ASSERT_FALSE(run.target().failure());
  EXPECT_TRUE(run.source().report().verified);
  EXPECT_FALSE(run.guest.running());
  EXPECT_TRUE(run.guest.committed());
  EXPECT_TRUE(run.shell.running());
  EXPECT_EQ(run.shell.loaded_steps(), run.guest.steps());
}

TEST(MigrationSim, MovesAnIdleGuestInOneRound) {
  SimMigration run(small());
  expect_moved(run);
  EXPECT_TRUE(run.same_content());
  const MigrationReport& report = run.source().report();
  EXPECT_EQ(report.rounds.size(), 2u);  // all of it, then the empty last one
  EXPECT_EQ(report.rounds[0].bytes, 12u << 20);
  EXPECT_EQ(report.rounds[1].blocks, 0u);
}

TEST(MigrationSim, AWritingGuestConvergesAndLosesNothing) {
  SimMigrationOptions options = small();
  options.guest.write_bytes_s = 200e6;
  options.source.goal.blackout_max = milliseconds(3);
  SimMigration run(options);
  expect_moved(run);
  const MigrationReport& report = run.source().report();
  EXPECT_GT(report.rounds.size(), 2u);
  EXPECT_LE(report.blackout, milliseconds(4));
}

// Written content is random: equal content means equal to the last version.
TEST(MigrationSim, WhatArrivesIsWhatTheGuestHadWhenItStopped) {
  for (const auto mode :
       {MigrationMode::kPreCopy, MigrationMode::kStopAndCopy}) {
    SimMigrationOptions options = small();
    options.guest.write_bytes_s = 500e6;
    options.source.mode = mode;
    SimMigration run(options);
    ASSERT_TRUE(run.simulator.run([&] { return run.target().done(); },
                                  Instant{} + std::chrono::hours(1)));
    ASSERT_FALSE(run.target().failure());
    EXPECT_TRUE(run.same_content()) << migration_mode_name(mode);
  }
}

// But for the assumption that Commit and Running take equally long: the latter
// has some bytes more, which take less than this.
constexpr double kAnswerIsLonger = 100e-9;

void expect_ledger_of_the_guests_clock(const SimMigration& run,
                                       const MigrationReport& report) {
  const Duration seen = run.shell.resumed_at() - run.guest.stopped_at();
  EXPECT_EQ(report.ledger.total(), report.blackout);
  EXPECT_NEAR(seconds(seen), seconds(report.blackout), kAnswerIsLonger);
}

Duration line_of(const MigrationReport& report, const std::string& line) {
  for (const auto& [name, spent] : report.ledger.lines()) {
    if (name == line) return spent;
  }
  ADD_FAILURE() << "the ledger has no line " << line;
  return {};
}

TEST(MigrationSim, TheLedgerIsTheBlackoutOfTheGuestsClock) {
  SimMigrationOptions options = small();
  options.guest.write_bytes_s = 300e6;
  options.link.one_way_delay = milliseconds(5);
  SimMigration run(options);
  expect_moved(run);
  expect_ledger_of_the_guests_clock(run, run.source().report());
}

// What passes before the guest stops, and after it has gone on, is none.
TEST(MigrationSim, ASlowVmmIsNoBlackoutWhileTheGuestRuns) {
  SimMigrationOptions options = small();
  options.guest.write_bytes_s = 300e6;
  options.link.one_way_delay = milliseconds(5);
  options.guest.act_time = milliseconds(30);
  options.guest.answer_time = milliseconds(7);
  SimMigration run(options);
  expect_moved(run);
  const MigrationReport& report = run.source().report();
  expect_ledger_of_the_guests_clock(run, report);
  EXPECT_EQ(line_of(report, "stop"), milliseconds(7));
  EXPECT_EQ(line_of(report, "resume"), milliseconds(30));
}

// The rate of the link is a tenth of what the guest writes.
TEST(MigrationSim, AGuestThatOutrunsTheLinkIsStoppedAndSaysWhy) {
  SimMigrationOptions options = small();
  options.link.rate_bytes_s = 50e6;
  options.guest.write_bytes_s = 500e6;
  SimMigration run(options);
  expect_moved(run);
  const auto& rounds = run.source().report().rounds;
  ASSERT_GE(rounds.size(), 2u);
  EXPECT_NE(rounds[rounds.size() - 2].decision.find("without gain"),
            std::string::npos);
}

TEST(MigrationSim, ASparseGuestStaysSparse) {
  SimMigrationOptions options = small();
  options.guest.ram_bytes = 1u << 30;
  options.guest.disk_bytes = 1u << 30;
  options.guest.used_share = 0.002;
  SimMigration run(options);
  expect_moved(run);
  for (const RegionId region : {0, 1}) {
    EXPECT_LE(run.guest.allocated_bytes(region), 3u << 20);
    EXPECT_LE(run.shell.allocated_bytes(region), 3u << 20);
  }
}

TEST(MigrationSim, AZeroRunOfAnyLengthCostsAFewBytes) {
  SimMigrationOptions options = small();
  options.guest.ram_bytes = 64u << 20;
  options.guest.disk_bytes = 0;
  options.guest.zero_share = 1.0;
  options.streams = 1;
  SimMigration run(options);
  expect_moved(run);
  EXPECT_LE(run.source().report().wire_bytes, 200u);
  EXPECT_EQ(run.source().report().blocks[0], (64u << 20) / kBlockBytes);
  EXPECT_EQ(run.shell.allocated_bytes(0), 0u);
}

TEST(MigrationSim, BandwidthIsALimit) {
  SimMigrationOptions options = small();
  options.bandwidth_bytes_s = 20'000'000;
  SimMigration run(options);
  expect_moved(run);
  EXPECT_GE(seconds(run.source().report().total), 0.9 * 12.58e6 / 20e6);
}

struct Trouble {
  const char* name;
  std::function<void(SimMigration&)> cause;
  ErrorCode expected;
};

class MigrationTrouble : public testing::TestWithParam<Trouble> {};

TEST_P(MigrationTrouble, LeavesTheGuestRunningAtTheSource) {
  SimMigrationOptions options = small();
  options.guest.write_bytes_s = 100e6;
  options.source.proof = ProofLevel::kStrict;
  SimMigration run(options);
  GetParam().cause(run);
  ASSERT_TRUE(run.run());
  ASSERT_TRUE(run.source().failure());
  EXPECT_EQ(run.source().failure()->error.code, GetParam().expected)
      << run.source().failure()->error.message;
  EXPECT_EQ(run.source().failure()->guest_at, GuestPlace::kSource);
  EXPECT_TRUE(run.target().failure());
  EXPECT_FALSE(run.shell.running());
  EXPECT_FALSE(run.guest.committed());
  EXPECT_TRUE(run.guest.running() || run.guest.died());
}

INSTANTIATE_TEST_SUITE_P(
    All, MigrationTrouble,
    testing::Values(
        Trouble{"cancelled", [](SimMigration& run) { run.source().cancel(); },
                ErrorCode::kCancelled},
        Trouble{"dies",
                [](SimMigration& run) { run.guest.die("triple fault"); },
                ErrorCode::kGuestDied},
        Trouble{"pause", [](SimMigration& run) { run.guest.fail_pause = true; },
                ErrorCode::kTimeout},
        Trouble{"save", [](SimMigration& run) { run.guest.fail_save = true; },
                ErrorCode::kIo},
        Trouble{"collect",
                [](SimMigration& run) { run.guest.fail_collect = true; },
                ErrorCode::kIo},
        Trouble{"load", [](SimMigration& run) { run.shell.fail_load = true; },
                ErrorCode::kIncompatible},
        Trouble{"disk",
                [](SimMigration& run) {
                  CAUSEWAY_ASSERT(::ftruncate(run.guest.fd(1), 4096) == 0);
                },
                ErrorCode::kIo},
        Trouble{"cut", [](SimMigration& run) { run.link.cut(); },
                ErrorCode::kConnectionLost},
        Trouble{"flip",
                [](SimMigration& run) {
                  run.link.set_tamper([](PutHead&, std::span<std::byte> bytes) {
                    if (!bytes.empty()) bytes[100] ^= std::byte{1};
                  });
                },
                ErrorCode::kContentMismatch},
        Trouble{"misplaced",
                [](SimMigration& run) {
                  run.link.set_tamper([](PutHead& head, std::span<std::byte>) {
                    if (head.first_block > 64) --head.first_block;
                  });
                },
                ErrorCode::kContentMismatch},
        Trouble{"outside",
                [](SimMigration& run) {
                  run.link.set_tamper([](PutHead& head, std::span<std::byte>) {
                    head.first_block += 1ull << 40;
                  });
                },
                ErrorCode::kPeerBroken},
        Trouble{"missed", [](SimMigration& run) { run.guest.hide_writes(20); },
                ErrorCode::kContentMismatch}),
    [](const auto& trouble) { return std::string(trouble.param.name); });

TEST(MigrationSim, AMissedWriteIsFoundByTheFrozenProof) {
  SimMigrationOptions options = small();
  options.guest.write_bytes_s = 100e6;
  SimMigration run(options);
  run.guest.hide_writes(20);
  ASSERT_TRUE(run.run());
  ASSERT_TRUE(run.source().failure());
  EXPECT_EQ(run.source().failure()->error.code, ErrorCode::kContentMismatch);
  // It came after commit: the guest runs there, the source keeps its image.
  EXPECT_EQ(run.source().failure()->guest_at, GuestPlace::kTarget);
  EXPECT_FALSE(run.source().report().verified);
  EXPECT_TRUE(run.shell.running());
  EXPECT_FALSE(run.guest.running());
}

TEST(MigrationSim, ADryRunMovesNothing) {
  for (const auto mode :
       {MigrationMode::kPreCopy, MigrationMode::kStopAndCopy}) {
    SimMigrationOptions options = small();
    options.source.dry_run = true;
    options.source.mode = mode;
    options.link.rate_bytes_s = 4e6;  // 12 MiB take 3 s
    SimMigration run(options);
    ASSERT_TRUE(run.run());
    ASSERT_FALSE(run.source().failure());
    EXPECT_TRUE(run.source().report().dry_run);
    EXPECT_NEAR(run.source().report().first_round_s, 3.1, 1.0);
    EXPECT_TRUE(run.guest.running());
    EXPECT_FALSE(run.shell.running());
    EXPECT_TRUE(run.target().failure());
    EXPECT_TRUE(run.source_journal.records.empty());
    EXPECT_LT(run.simulator.now(), Instant{} + milliseconds(1500));
  }
}

TEST(MigrationSim, ATimeLimitLeavesTheGuestAtTheSource) {
  SimMigrationOptions options = small();
  options.link.rate_bytes_s = 1e6;
  options.source.time_limit = milliseconds(700);
  SimMigration run(options);
  ASSERT_TRUE(run.run());
  ASSERT_TRUE(run.source().failure());
  EXPECT_EQ(run.source().failure()->error.code, ErrorCode::kTimeout);
  EXPECT_NE(run.source().failure()->error.message.find("time limit of 700"),
            std::string::npos);
  EXPECT_TRUE(run.guest.running());
  // And not when the peer has been silent for long.
  EXPECT_LT(run.simulator.now(), Instant{} + std::chrono::seconds(5));
}

TEST(MigrationSim, AHeldMigrationSendsNothingAndGoesOn) {
  SimMigrationOptions options = small();
  options.guest.write_bytes_s = 10e6;
  options.link.rate_bytes_s = 20e6;  // 12 MiB take 0.6 s
  SimMigration run(options);
  constexpr Instant kHeldAt = Instant{} + milliseconds(200);
  constexpr Instant kReleasedAt = Instant{} + std::chrono::seconds(20);
  uint64_t sent_when_held = 0;
  run.simulator.on_time = [&](Instant now) {
    run.set_time(now);
    run.source().hold(now >= kHeldAt && now < kReleasedAt);
    const uint64_t sent = run.source().progress(now).sent_bytes;
    if (now < kHeldAt + milliseconds(500)) sent_when_held = sent;
    const bool is_held = now < kReleasedAt;
    EXPECT_TRUE(!is_held || sent == sent_when_held) << sent;
  };
  expect_moved(run);
  EXPECT_GT(run.simulator.now(), kReleasedAt);
  // The pause is of no round: the rate is the link's.
  EXPECT_LT(run.source().report().rounds[0].time, std::chrono::seconds(2));
}

// The order that commitment.pml proves: freeze, record, send; record, run.
TEST(MigrationSim, RecordsComeAfterTheFreezeAndBeforeTheRun) {
  SimMigration run(small());
  run.source_journal.before_record = [&](CommitmentRecord record) {
    EXPECT_EQ(record, CommitmentRecord::kCommitted);
    EXPECT_TRUE(run.guest.committed());
    EXPECT_FALSE(run.guest.running());
    EXPECT_EQ(run.target_journal.records.size(), 1u);
  };
  run.target_journal.before_record = [&](CommitmentRecord record) {
    EXPECT_FALSE(run.shell.running());
    EXPECT_EQ(run.source_journal.records.size(),
              record == CommitmentRecord::kRunning ? 1u : 0u);
  };
  expect_moved(run);
  EXPECT_THAT(run.source_journal.records,
              testing::ElementsAre(CommitmentRecord::kCommitted));
  EXPECT_THAT(run.target_journal.records,
              testing::ElementsAre(CommitmentRecord::kPrepared,
                                   CommitmentRecord::kRunning));
}

// Should the mover die after it: the other proofs are over by then.
TEST(MigrationSim, TheCommitRecordSaysWhatProofIsDue) {
  for (const ProofLevel level :
       {ProofLevel::kLanded, ProofLevel::kFrozen, ProofLevel::kStrict}) {
    SimMigrationOptions options = small();
    options.source.proof = level;
    SimMigration run(options);
    expect_moved(run);
    const ProofDue& due = run.source_journal.proof_due;
    ASSERT_EQ(due.has_value(), level == ProofLevel::kFrozen);
    const size_t regions = due ? run.guest.spec().regions.size() : 0;
    EXPECT_EQ(due.value_or(ImageRoots()).roots.size(), regions);
  }
}

TEST(MigrationSim, ASourceThatCannotRecordKeepsItsGuest) {
  SimMigration run(small());
  run.source_journal.fail = Error{ErrorCode::kNoSpace, "the disk is full"};
  ASSERT_TRUE(run.run());
  ASSERT_TRUE(run.source().failure());
  EXPECT_EQ(run.source().failure()->guest_at, GuestPlace::kSource);
  EXPECT_EQ(run.source().failure()->error.code, ErrorCode::kNoSpace);
  EXPECT_TRUE(run.guest.running());
  // It was prepared, and was told.
  ASSERT_TRUE(run.target().failure());
  EXPECT_FALSE(run.target().in_doubt());
  EXPECT_FALSE(run.shell.running());
}

TEST(MigrationSim, ATargetThatCannotRecordDoesNotRun) {
  for (const CommitmentRecord failing :
       {CommitmentRecord::kPrepared, CommitmentRecord::kRunning}) {
    SimMigration run(small());
    run.target_journal.before_record = [&](CommitmentRecord record) {
      if (record != failing) return;
      run.target_journal.fail = Error{ErrorCode::kIo, "the disk is gone"};
    };
    ASSERT_TRUE(run.run());
    EXPECT_FALSE(run.shell.running());
    // Its agent reads what is down and asks.
    EXPECT_TRUE(run.target().in_doubt());
    ASSERT_TRUE(run.source().failure());
    const bool committed = failing == CommitmentRecord::kRunning;
    EXPECT_EQ(run.source().failure()->guest_at,
              committed ? GuestPlace::kFrozen : GuestPlace::kSource);
    EXPECT_NE(run.guest.running(), committed);
  }
}

// Whenever the link goes: never two running, and the source says where.
TEST(MigrationSim, ACutAtAnyMomentNeverMakesTwo) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937_64 random(seed);
  std::array<int, 3> places{};
  for (int i = 0; i < 200; ++i) {
    SimMigrationOptions options = small();
    options.guest.ram_bytes = 1u << 20;
    options.guest.disk_bytes = 1u << 20;
    options.guest.write_bytes_s = 200e6;
    options.guest.seed = random();
    options.link.one_way_delay = std::chrono::microseconds(300);
    SimMigration run(options);
    const Instant cut_at{Duration(random() % 8'000'000)};
    run.simulator.on_time = [&](Instant now) {
      run.set_time(now);
      if (now >= cut_at) run.link.cut();
    };
    ASSERT_TRUE(run.run());
    ASSERT_FALSE(run.guest.running() && run.shell.running());
    const auto& prepared = run.target_journal.records;
    EXPECT_EQ(run.target().in_doubt(),
              prepared.size() == 1 && run.target().failure());
    EXPECT_EQ(run.guest.committed(), !run.source_journal.records.empty());
    if (!run.source().failure()) {
      EXPECT_TRUE(run.shell.running());
      continue;
    }
    const GuestPlace place = run.source().failure()->guest_at;
    ++places[static_cast<size_t>(place)];
    EXPECT_EQ(run.guest.running(), place == GuestPlace::kSource);
    EXPECT_FALSE(place == GuestPlace::kSource && run.shell.running());
  }
  EXPECT_GT(places[0], 0);
}

// Half of it deflates, a quarter is zero.
SimMigrationOptions encoded(const char* codec) {
  SimMigrationOptions options = small();
  options.guest.text_share = 0.67;
  options.guest.zero_share = 0.25;
  options.codec = parse_codec(codec).value();
  return options;
}

uint64_t sent(SimMigration& run, BlockMethod method) {
  return run.source().report().blocks[static_cast<size_t>(method)];
}

TEST(MigrationSim, EncodedOrNotTheSameContentArrives) {
  for (const char* codec :
       {"none", "deflate:0", "deflate:1", "deflate:3", "auto"}) {
    SCOPED_TRACE(codec);
    SimMigrationOptions options = encoded(codec);
    options.guest.write_bytes_s = 300e6;
    options.guest.changed_share = 0.2;
    options.source.mode = MigrationMode::kPreCopy;
    if (codec == std::string("auto")) {
      // Slow enough that it pays, and seen to be before all is sent.
      options.link.rate_bytes_s = 200e6;
      options.guest.write_bytes_s = 60e6;
    }
    SimMigration run(options);
    ASSERT_TRUE(run.simulator.run([&] { return run.target().done(); },
                                  Instant{} + std::chrono::hours(1)));
    ASSERT_FALSE(run.target().failure()) << run.target().failure()->message;
    EXPECT_TRUE(run.same_content());
    ASSERT_TRUE(run.run());
    EXPECT_TRUE(run.source().report().verified);
    const bool encodes = codec != std::string("none");
    EXPECT_EQ(sent(run, BlockMethod::kDeflated) > 0, encodes);
    EXPECT_EQ(sent(run, BlockMethod::kDelta) > 0, encodes);
    EXPECT_GT(sent(run, BlockMethod::kRaw), 0u);
    EXPECT_GT(sent(run, BlockMethod::kZero), 0u);
  }
}

TEST(MigrationSim, DeflateSendsLessAndCountsEveryBlock) {
  const auto wire_bytes = [](const char* codec) {
    SimMigration run(encoded(codec));
    expect_moved(run);
    const MigrationReport& report = run.source().report();
    EXPECT_EQ(report.rounds[0].blocks, (12u << 20) / kBlockBytes);
    uint64_t blocks = 0;
    for (const uint64_t of_method : report.blocks) blocks += of_method;
    EXPECT_EQ(blocks, (12u << 20) / kBlockBytes);
    return report.wire_bytes;
  };
  // A quarter of all is random and stays; the rest of the half shrinks to less
  // than a third.
  EXPECT_LT(wire_bytes("deflate:1"), wire_bytes("none") * 6 / 10);
}

// The measure: 10 % of each page of the hot set is rewritten.
TEST(MigrationSim, DeltasCarryAQuarterOfWhatIsSentAgainAtMost) {
  const auto resent_bytes = [](const char* codec) {
    SimMigrationOptions options = small();
    options.guest.write_bytes_s = 100e6;
    options.guest.changed_share = 0.1;
    options.codec = parse_codec(codec).value();
    options.link.rate_bytes_s = 1e8;
    SimMigration run(options);
    expect_moved(run);
    uint64_t bytes = 0;
    uint64_t blocks = 0;
    for (const RoundReport& round : run.source().report().rounds) {
      if (round.round == 1) continue;
      bytes += round.wire_bytes;
      blocks += round.blocks;
    }
    EXPECT_GT(blocks, 0u);
    return static_cast<double>(bytes) / static_cast<double>(blocks);
  };
  EXPECT_LT(resent_bytes("deflate:1"), resent_bytes("none") / 4);
}

TEST(MigrationSim, ASlowLinkMakesTheGovernorDeflate) {
  SimMigrationOptions options = encoded("auto");
  options.guest.ram_bytes = 64u << 20;
  options.link.rate_bytes_s = 20e6;
  SimMigration chosen(options);
  expect_moved(chosen);
  options.codec = parse_codec("none").value();
  SimMigration none(options);
  expect_moved(none);
  EXPECT_NE(chosen.source().report().codec.find("deflate:"), std::string::npos)
      << chosen.source().report().codec;
  EXPECT_LT(chosen.source().report().total,
            none.source().report().total * 7 / 10);
}

TEST(MigrationSim, AFrameThatIsBrokenOnTheWayEndsTheMoveAtTheSource) {
  SimMigration run(encoded("deflate:1"));
  int frames = 0;
  run.link.set_tamper([&](PutHead& head, std::span<std::byte> bytes) {
    if (head.kind == PutKind::kEncoded && ++frames == 5) {
      bytes[bytes.size() / 2] ^= std::byte{1};
    }
  });
  ASSERT_TRUE(run.run());
  ASSERT_TRUE(run.source().failure());
  EXPECT_EQ(run.source().failure()->guest_at, GuestPlace::kSource);
  EXPECT_NE(run.target().failure()->message.find("check"), std::string::npos)
      << run.target().failure()->message;
  EXPECT_TRUE(run.guest.running());
}

}  // namespace
}  // namespace causeway::sim
