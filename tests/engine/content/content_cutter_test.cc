#include "engine/content/content_cutter.h"

#include <gtest/gtest.h>

#include <random>
#include <set>
#include <vector>

namespace causeway {
namespace {

std::vector<std::byte> random_bytes(size_t bytes, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<std::byte> content(bytes);
  for (std::byte& byte : content) byte = static_cast<std::byte>(random());
  return content;
}

// Of all pieces from the first cut on; the last one is cut short.
std::vector<size_t> ends_of(std::span<const std::byte> content) {
  std::vector<size_t> ends;
  auto at = find_cut(content, kCutWindowBytes);
  while (at && *at < content.size()) {
    ends.push_back(*at);
    *at += piece_bytes(content.subspan(*at));
  }
  return ends;
}

TEST(ContentCutter, ACutDependsOnWhatIsBeforeItAndNothingElse) {
  const auto content = random_bytes(1u << 20, 1);
  std::set<size_t> cuts;
  for (auto at = find_cut(content, kCutWindowBytes); at;
       at = find_cut(content, *at + 1)) {
    cuts.insert(*at);
  }
  // One in 4,096.
  EXPECT_GT(cuts.size(), 180u);
  EXPECT_LT(cuts.size(), 340u);
  for (const size_t cut : cuts) {
    const auto window =
        std::span(content).subspan(cut - kCutWindowBytes, kCutWindowBytes + 1);
    EXPECT_EQ(find_cut(window, kCutWindowBytes), kCutWindowBytes);
  }
  auto changed = content;
  const size_t cut = *cuts.begin();
  changed[cut - kCutWindowBytes] ^= std::byte{1};
  EXPECT_NE(find_cut(changed, cut), cut);
}

// A byte more in front, and a few changed in the middle.
TEST(ContentCutter, CutsMoveWithTheContent) {
  const auto content = random_bytes(1u << 20, 2);
  const auto ends = ends_of(content);
  for (const size_t shift : {1, 63, 512, 777, 4096}) {
    auto moved = random_bytes(shift, 3);
    moved.insert(moved.end(), content.begin(), content.end());
    moved[500'000] ^= std::byte{1};
    const auto found = ends_of(moved);
    const std::set<size_t> cuts(found.begin(), found.end());
    size_t kept = 0;
    for (const size_t end : ends) kept += cuts.contains(end + shift) ? 1 : 0;
    EXPECT_GE(kept, ends.size() - 6) << shift;
  }
}

TEST(ContentCutter, PiecesAreWithinTheirLimits) {
  const auto content = random_bytes(4u << 20, 4);
  const auto ends = ends_of(content);
  for (size_t i = 1; i < ends.size(); ++i) {
    EXPECT_GE(ends[i] - ends[i - 1], kPieceBytesMin);
    EXPECT_LE(ends[i] - ends[i - 1], kPieceBytesMax);
  }
  const double mean =
      static_cast<double>(content.size()) / static_cast<double>(ends.size());
  EXPECT_GT(mean, 4200);
  EXPECT_LT(mean, 5200);
}

// What repeats has no cut in it, or would be all cuts.
TEST(ContentCutter, OneByteOverAndOverIsNotCut) {
  for (int byte = 0; byte < 256; ++byte) {
    const std::vector<std::byte> content(2 * kPieceBytesMax,
                                         static_cast<std::byte>(byte));
    EXPECT_FALSE(find_cut(content, kCutWindowBytes)) << byte;
    EXPECT_EQ(piece_bytes(content), kPieceBytesMax) << byte;
  }
}

TEST(ContentCutter, ItsNamesComeBack) {
  for (const auto cut :
       {ContentCut::kBlocks, ContentCut::kSectors, ContentCut::kByContent}) {
    EXPECT_EQ(content_cut_from_name(content_cut_name(cut)), cut);
  }
  EXPECT_FALSE(content_cut_from_name("bytes"));
}

}  // namespace
}  // namespace causeway
