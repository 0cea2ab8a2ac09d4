#include "engine/content/gathered_places.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

namespace causeway {
namespace {

ContentEntry entry_of(uint64_t word, uint64_t offset_bytes) {
  ContentEntry entry;
  std::memcpy(entry.digest.data(), &word, sizeof(word));
  entry.place = {1, offset_bytes};
  return entry;
}

TEST(GatheredPlaces, AreSortedAndTheLastOfEachStays) {
  const uint64_t seed = std::random_device{}();
  SCOPED_TRACE(testing::Message() << "CAUSEWAY_SEED=" << seed);
  std::mt19937_64 random(seed);
  std::vector<uint64_t> words(20000);
  for (uint64_t& word : words) word = random();
  // Some close to each other, and the two ends.
  for (uint64_t i = 0; i < 300; ++i) words.push_back(words[0] ^ i << 56);
  words.push_back(0);
  words.push_back(~uint64_t{0});
  GatheredPlaces gathered;
  for (int round = 0; round < 2; ++round) {
    std::map<ContentDigest, uint64_t> model;
    for (uint64_t i = 0; i < 60000; ++i) {
      const ContentEntry entry = entry_of(words[random() % words.size()], i);
      gathered.add({&entry, 1});
      model[entry.digest] = i;
    }
    EXPECT_FALSE(gathered.is_empty());
    EXPECT_FALSE(gathered.is_full());
    const auto sorted = gathered.sort();
    ASSERT_EQ(sorted.size(), model.size());
    auto at = model.begin();
    for (const GatheredPlaces::Entry& entry : sorted) {
      ASSERT_EQ(GatheredPlaces::digest_of(entry), at->first);
      ASSERT_EQ(entry.place.offset_bytes, at->second);
      ++at;
    }
    gathered.clear();
    EXPECT_TRUE(gathered.is_empty());
    EXPECT_TRUE(gathered.sort().empty());
  }
}

}  // namespace
}  // namespace causeway
