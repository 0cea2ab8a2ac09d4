// Whole migrations, in virtual time, to a target that has some of the guest's
// content: what is asked for, what comes over the link, and that every byte is
// right however wrong the index is.
#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <random>
#include <string>

#include "engine/content/index_record.h"
#include "engine/content/memory_content_index.h"
#include "tests/engine/content/test_folder.h"
#include "tests/sim/sim_migration.h"

namespace causeway::sim {
namespace {

using testing::HasSubstr;

// A kept image of a guest, and an index of what it was when it was indexed.
class KnownImage {
 public:
  // It may lie behind so many other bytes, and be indexed by pieces as well.
  explicit KnownImage(const SimGuest& guest, size_t shift = 0,
                      ContentCut pieces = ContentCut::kBlocks)
      : bytes_(shift, 'x') {
    for (const RegionInfo& region : guest.spec().regions) {
      for (const std::byte byte : guest.content(region.id))
        bytes_ += char(byte);
    }
    write();
    auto identity = ContentIdentity::create(key).value();
    const ContentSourceId id =
        index.add_source({ContentKind::kFile, folder_.at("image")}).value();
    for (size_t at = 0; at < bytes_.size(); at += kBlockBytes) {
      const ContentEntry entry{
          identity.digest(reinterpret_cast<const std::byte*>(&bytes_[at])),
          {id, at}};
      CAUSEWAY_ASSERT(index.put(std::span(&entry, 1)).has_value());
    }
    if (pieces != ContentCut::kBlocks) put_pieces(id, pieces);
  }

  // One byte of every n-th block, behind the index's back.
  void spoil(size_t every) {
    for (size_t at = 0; at < bytes_.size(); at += every * kBlockBytes) {
      bytes_[at + at / kBlockBytes % kBlockBytes] ^= 1;
    }
    write();
  }
  void remove() { std::filesystem::remove(folder_.at("image")); }
  size_t blocks() const { return bytes_.size() / kBlockBytes; }

  const ContentKey key{std::byte{4}};
  MemoryContentIndex index{4u << 20};

 private:
  // As tools/content/indexer.
  void put_pieces(ContentSourceId id, ContentCut pieces) {
    auto identity = ContentIdentity::create(key).value();
    const auto put = [&](const ContentDigest& name, size_t at) {
      const ContentEntry entry{
          name, {id, at / kContentAlignBytes * kContentAlignBytes}};
      CAUSEWAY_ASSERT(index.put(std::span(&entry, 1)).has_value());
    };
    put(domain_name(key, pieces).value(), 0);
    const auto all = std::as_bytes(std::span(bytes_));
    const bool by_content = pieces == ContentCut::kByContent;
    size_t at = by_content ? *find_cut(all, kCutWindowBytes) : 0;
    while (at < all.size()) {
      const auto piece = all.subspan(
          at, by_content ? piece_bytes(all.subspan(at))
                         : std::min(all.size() - at, kContentAlignBytes));
      put(identity.digest(piece), at);
      at += piece.size();
    }
  }
  void write() {
    std::ofstream(folder_.at("image"), std::ios::binary) << bytes_;
  }

  TestFolder folder_;
  std::string bytes_;
};

SimMigrationOptions options_of(DedupMode mode) {
  SimMigrationOptions options;
  options.source.migration = "sim-1";
  options.source.dedup = mode;
  options.link.rate_bytes_s = 12.5e6;
  options.link.one_way_delay = std::chrono::milliseconds(20);
  options.codec = parse_codec("auto").value();
  return options;
}

void use(const KnownImage& image, SimMigrationOptions& options) {
  options.index = const_cast<MemoryContentIndex*>(&image.index);
  options.content_key = image.key;
}

void expect_content_moved(SimMigration& run) {
  ASSERT_TRUE(run.run());
  ASSERT_FALSE(run.source().failure()) << run.source().failure()->error.message;
  ASSERT_FALSE(run.target().failure());
  EXPECT_TRUE(run.source().report().verified);
  EXPECT_TRUE(run.same_content());
}

uint64_t known_blocks(const SimMigration& run) {
  return const_cast<SimMigration&>(run)
      .source()
      .report()
      .blocks[static_cast<size_t>(BlockMethod::kReference)];
}

TEST(DedupSim, AKnownGuestGoesByItsNames) {
  SimMigrationOptions options = options_of(DedupMode::kOn);
  KnownImage image{SimGuest(options.guest)};
  use(image, options);
  SimMigration run(options);
  expect_content_moved(run);
  const MigrationReport& report = run.source().report();
  EXPECT_EQ(known_blocks(run), image.blocks());
  EXPECT_EQ(report.rounds[0].asked_blocks, image.blocks());
  EXPECT_EQ(report.rounds[0].known_blocks, image.blocks());
  EXPECT_LE(report.wire_bytes, 9 * image.blocks() + 1000);
}

// What is asked and not there comes in the next round, once.
TEST(DedupSim, AStaleIndexCostsBytesAndNeverAWrongByte) {
  SimMigrationOptions options = options_of(DedupMode::kOn);
  KnownImage image{SimGuest(options.guest)};
  image.spoil(3);
  use(image, options);
  SimMigration run(options);
  expect_content_moved(run);
  const uint64_t stale = (image.blocks() + 2) / 3;
  ASSERT_GE(stale, 1000u);
  const auto& rounds = run.source().report().rounds;
  EXPECT_EQ(rounds[0].known_blocks, image.blocks() - stale);
  EXPECT_EQ(rounds[1].blocks, stale);
}

TEST(DedupSim, AnImageThatIsGoneIsSentWhole) {
  SimMigrationOptions options = options_of(DedupMode::kOn);
  KnownImage image{SimGuest(options.guest)};
  image.remove();
  use(image, options);
  SimMigration run(options);
  expect_content_moved(run);
  EXPECT_EQ(known_blocks(run), 0u);
  EXPECT_EQ(run.source().report().rounds[1].blocks, image.blocks());
}

TEST(DedupSim, ASampleTellsWhetherToAsk) {
  SimMigrationOptions options = options_of(DedupMode::kAuto);
  options.guest.ram_bytes = 64u << 20;
  KnownImage image{SimGuest(options.guest)};
  use(image, options);
  SimMigration known(options);
  expect_content_moved(known);
  const auto& rounds = known.source().report().rounds;
  EXPECT_LT(rounds[0].asked_blocks, image.blocks());
  EXPECT_EQ(rounds[0].known_blocks, rounds[0].asked_blocks);
  EXPECT_EQ(rounds[1].asked_blocks + rounds[0].asked_blocks, image.blocks());
  EXPECT_EQ(known_blocks(known), image.blocks());
  EXPECT_THAT(known.source().report().dedup, HasSubstr("100 % of a sample"));

  options.guest.seed = 2;
  SimMigration other(options);
  expect_content_moved(other);
  EXPECT_EQ(known_blocks(other), 0u);
  EXPECT_EQ(other.source().report().rounds[1].asked_blocks, 0u);
  EXPECT_THAT(other.source().report().dedup, HasSubstr("0 % of a sample"));
}

TEST(DedupSim, WhoHasNothingOrWantsNothingIsNotAsked) {
  SimMigrationOptions options = options_of(DedupMode::kAuto);
  SimMigration no_index(options);
  expect_content_moved(no_index);
  EXPECT_THAT(no_index.source().report().dedup, HasSubstr("no content index"));

  MemoryContentIndex empty(1u << 20);
  options.index = &empty;
  SimMigration nothing(options);
  expect_content_moved(nothing);
  EXPECT_THAT(nothing.source().report().dedup, HasSubstr("index is empty"));

  KnownImage image{SimGuest(options.guest)};
  use(image, options);
  options.source.dedup = DedupMode::kOff;
  SimMigration off(options);
  expect_content_moved(off);
  options.source.dedup = DedupMode::kOn;
  options.codec = parse_codec("none").value();
  SimMigration no_frames(options);
  expect_content_moved(no_frames);
  EXPECT_THAT(no_frames.source().report().dedup, HasSubstr("no references"));
  for (SimMigration* run : {&no_index, &nothing, &off, &no_frames}) {
    for (const RoundReport& round : run->source().report().rounds) {
      EXPECT_EQ(round.asked_blocks, 0u);
    }
  }
}

uint64_t pieced_blocks(SimMigration& run) {
  return run.source()
      .report()
      .blocks[static_cast<size_t>(BlockMethod::kPieced)];
}

// An image that lies in a file at a byte of its own: no block of it is a block
// of the file.
TEST(DedupSim, ContentAtAnotherAlignmentIsFoundByItsPieces) {
  for (const auto mode : {DedupMode::kOn, DedupMode::kAuto}) {
    SimMigrationOptions options = options_of(mode);
    options.guest.ram_bytes = 64u << 20;
    const SimGuest guest(options.guest);
    for (const auto cut : {ContentCut::kSectors, ContentCut::kByContent}) {
      SCOPED_TRACE(content_cut_name(cut));
      const bool sectors = cut == ContentCut::kSectors;
      KnownImage image(guest, sectors ? 63 * 512 : 12'345, cut);
      use(image, options);
      SimMigration run(options);
      expect_content_moved(run);
      const uint64_t blocks = (68u << 20) / kBlockBytes;
      EXPECT_EQ(known_blocks(run), 0u);
      // One block on each change from one region or sender to another.
      EXPECT_GE(pieced_blocks(run), sectors ? blocks : blocks * 98 / 100);
      EXPECT_LE(run.source().report().wire_bytes,
                blocks * (sectors ? 110 : kBlockBytes / 25));
      EXPECT_THAT(run.source().report().dedup, HasSubstr("by blocks: "));
      EXPECT_THAT(run.source().report().dedup,
                  HasSubstr(fmt::format("by {}: ", content_cut_name(cut))));
    }
  }
}

// What is known by its blocks is not asked for again.
TEST(DedupSim, PiecesAreAskedForWhereBlocksAreNotKnown) {
  SimMigrationOptions options = options_of(DedupMode::kOn);
  KnownImage image(SimGuest(options.guest), 0, ContentCut::kByContent);
  use(image, options);
  SimMigration whole(options);
  expect_content_moved(whole);
  EXPECT_EQ(known_blocks(whole), image.blocks());
  EXPECT_EQ(whole.source().report().rounds[1].asked_blocks, 0u);

  image.spoil(3);
  SimMigration spoilt(options);
  expect_content_moved(spoilt);
  const auto& rounds = spoilt.source().report().rounds;
  EXPECT_EQ(rounds[1].asked_blocks, (image.blocks() + 2) / 3);
  EXPECT_EQ(rounds[2].asked_blocks, 0u);
}

// Zeros and holes are nobody's content.
TEST(DedupSim, ZerosAndHolesAreNotAskedFor) {
  SimMigrationOptions options = options_of(DedupMode::kOn);
  options.guest.zero_share = 0.5;
  options.guest.used_share = 0.5;
  KnownImage image{SimGuest(options.guest)};
  use(image, options);
  SimMigration run(options);
  expect_content_moved(run);
  const RoundReport& round = run.source().report().rounds[0];
  EXPECT_LT(round.asked_blocks, image.blocks() * 3 / 10);
  EXPECT_GT(round.asked_blocks, image.blocks() * 2 / 10);
  EXPECT_EQ(round.known_blocks, round.asked_blocks);
  for (const RegionId region : {0, 1}) {
    EXPECT_LE(run.shell.allocated_bytes(region),
              run.guest.allocated_bytes(region));
  }
}

uint64_t copied_blocks(SimMigration& run) {
  return run.source().report().blocks[static_cast<size_t>(BlockMethod::kCopy)];
}

// Disks go first: what the RAM has of them need not come again.
TEST(DedupSim, WhatWasSentBeforeInTheRunGoesAsACopy) {
  SimMigrationOptions options = options_of(DedupMode::kAuto);
  options.codec = parse_codec("deflate:1").value();
  options.guest.twin_share = 0.5;
  SimMigration run(options);
  expect_content_moved(run);
  // 524 of 1,024, 50 of each 100; a table of half a million places, of which
  // each content has one, forgets a few of 3,000.
  EXPECT_LE(copied_blocks(run), 524u);
  EXPECT_GE(copied_blocks(run), 515u);
  EXPECT_LT(run.source().report().wire_bytes, 10.2 * (1u << 20));
}

// A guest that writes makes copies stale on their way, on several streams.
TEST(DedupSim, ACopyOfWhatHasChangedIsSentAgain) {
  const uint64_t first_seed = std::random_device()();
  for (uint64_t seed = first_seed; seed < first_seed + 8; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    SimMigrationOptions options = options_of(DedupMode::kAuto);
    options.codec = parse_codec("deflate:1").value();
    options.guest.seed = seed;
    options.guest.twin_share = 0.9;
    options.guest.write_bytes_s = 4e6;
    options.guest.changed_share = 0.1;
    options.streams = 4;
    SimMigration run(options);
    ASSERT_TRUE(run.simulator.run([&] { return run.target().done(); },
                                  Instant{} + std::chrono::hours(1)));
    ASSERT_FALSE(run.target().failure()) << run.target().failure()->message;
    EXPECT_TRUE(run.same_content());
    ASSERT_TRUE(run.run());
    EXPECT_TRUE(run.source().report().verified);
    EXPECT_GT(copied_blocks(run), 0u);
  }
}

// An index that goes away in the middle.
class AwayIndex final : public ContentIndex {
 public:
  AwayIndex(ContentIndex& index, int answers)
      : index_(index), answers_(answers) {}
  Result<ContentSourceId> add_source(const ContentSource& source) override {
    return index_.add_source(source);
  }
  Result<ContentSource> source(ContentSourceId id) override {
    return index_.source(id);
  }
  Status put(std::span<const ContentEntry> entries) override {
    return index_.put(entries);
  }
  Status find(std::span<const ContentDigest> digests,
              std::span<std::optional<ContentPlace>> places) override {
    if (answers_-- > 0) return index_.find(digests, places);
    return make_error(ErrorCode::kUnreachable, "the store went home");
  }
  Status erase(ContentSourceId id) override { return index_.erase(id); }
  Result<ContentIndexStats> stats() override { return index_.stats(); }

 private:
  ContentIndex& index_;
  int answers_;
};

TEST(DedupSim, AnIndexThatGoesAwayIsDoneWithoutAndSaid) {
  SimMigrationOptions options = options_of(DedupMode::kOn);
  KnownImage image{SimGuest(options.guest)};
  use(image, options);
  AwayIndex away(image.index, 11);  // one for what it has
  options.index = &away;
  SimMigration run(options);
  expect_content_moved(run);
  const RoundReport& round = run.source().report().rounds[0];
  EXPECT_EQ(round.known_blocks, 10 * kFrameBlocksMax);
  EXPECT_THAT(round.decision, HasSubstr("the store went home"));
}

// Everything at once: a guest that writes, an index that is partly wrong.
TEST(DedupSim, WhateverTheIndexSaysTheGuestIsWhole) {
  const uint64_t first_seed = std::random_device()();
  for (uint64_t seed = first_seed; seed < first_seed + 12; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937_64 random(seed);
    SimMigrationOptions options =
        options_of(random() % 2 == 0 ? DedupMode::kOn : DedupMode::kAuto);
    options.guest.seed = seed;
    options.guest.ram_bytes = (4 + random() % 16) << 20;
    options.guest.text_share = 0.5;
    options.guest.zero_share = 0.2;
    options.guest.used_share = 0.8;
    options.streams = 1 + random() % 4;
    options.link.rate_bytes_s = 50e6;
    KnownImage image(SimGuest(options.guest),
                     random() % 2 == 0 ? 0 : random() % 10'000,
                     static_cast<ContentCut>(random() % kContentCuts));
    if (random() % 2 == 0) image.spoil(1 + random() % 8);
    use(image, options);
    AwayIndex away(image.index, static_cast<int>(random() % 100));
    if (random() % 4 == 0) options.index = &away;
    options.guest.write_bytes_s = 20e6;
    options.guest.changed_share = random() % 2 == 0 ? 0.1 : 1.0;
    SimMigration run(options);
    ASSERT_TRUE(run.simulator.run([&] { return run.target().done(); },
                                  Instant{} + std::chrono::hours(1)));
    ASSERT_FALSE(run.target().failure()) << run.target().failure()->message;
    EXPECT_TRUE(run.same_content());
    ASSERT_TRUE(run.run());
    EXPECT_TRUE(run.source().report().verified);
  }
}

}  // namespace
}  // namespace causeway::sim
