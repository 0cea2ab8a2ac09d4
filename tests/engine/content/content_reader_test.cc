#include "engine/content/content_reader.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <random>

#include "engine/content/memory_content_index.h"
#include "tests/engine/content/test_folder.h"

namespace causeway {
namespace {

using Block = std::vector<std::byte>;

class Reader : public testing::Test {
 protected:
  static ContentIdentity identity() {
    auto identity = ContentIdentity::create(ContentKey{std::byte{9}});
    EXPECT_TRUE(identity);
    return std::move(*identity);
  }
  std::string random_bytes(size_t bytes) {
    std::string text(bytes, 0);
    for (char& c : text) c = static_cast<char>(random_());
    return text;
  }
  void write(const std::string& name, const std::string& bytes) {
    std::ofstream(folder_.at(name), std::ios::binary) << bytes;
  }
  ContentSourceId add(const std::string& name) {
    const auto id = index_.add_source({ContentKind::kFile, folder_.at(name)});
    EXPECT_TRUE(id);
    return id ? *id : 0;
  }
  // The digests of a file's blocks, put into the index.
  std::vector<ContentDigest> index_file(const std::string& name,
                                        const std::string& bytes) {
    std::vector<ContentDigest> digests;
    std::vector<ContentEntry> entries;
    const ContentSourceId id = add(name);
    for (size_t at = 0; at + kBlockBytes <= bytes.size(); at += kBlockBytes) {
      digests.push_back(identity_.digest(
          reinterpret_cast<const std::byte*>(bytes.data() + at)));
      entries.push_back({digests.back(), {id, at}});
    }
    EXPECT_TRUE(index_.put(entries));
    return digests;
  }
  std::optional<ContentPlace> place_of(const ContentDigest& digest) {
    std::array<std::optional<ContentPlace>, 1> places;
    EXPECT_TRUE(index_.find(std::span(&digest, 1), places));
    return places[0];
  }
  // Whether it is there; what was read is then what its digest says.
  bool read(const ContentDigest& digest) {
    const auto place = place_of(digest);
    return place && read_at(*place, digest);
  }
  bool read_at(const ContentPlace& place, const ContentDigest& digest) {
    if (!reader_.read(place, digest, block_)) return false;
    EXPECT_EQ(identity_.digest(block_.data()), digest);
    return true;
  }
  bool block_is(const std::string& bytes, size_t number) const {
    return std::memcmp(block_.data(), bytes.data() + number * kBlockBytes,
                       kBlockBytes) == 0;
  }

  TestFolder folder_;
  std::mt19937_64 random_{77};
  MemoryContentIndex index_{1 << 20};
  ContentIdentity identity_ = identity();
  ContentReader reader_{identity(), index_};
  std::array<std::byte, kBlockBytes> block_;
};

TEST_F(Reader, ReadsWhatIsThere) {
  const std::string bytes = random_bytes(20 * kBlockBytes);
  write("a", bytes);
  const auto digests = index_file("a", bytes);
  for (size_t i = 0; i < digests.size(); ++i) {
    ASSERT_TRUE(read(digests[i])) << i;
    EXPECT_TRUE(block_is(bytes, i));
  }
  EXPECT_EQ(reader_.reads(), 20u);
  EXPECT_EQ(reader_.stale(), 0u);
}

// Four files of 250 blocks each: changed, cut off, gone, another in its place.
TEST_F(Reader, AThousandStaleEntriesGiveNotOneWrongByte) {
  std::vector<ContentDigest> digests;
  for (const char* name : {"changed", "cut", "gone", "replaced"}) {
    const std::string bytes = random_bytes(250 * kBlockBytes);
    write(name, bytes);
    const auto some = index_file(name, bytes);
    digests.insert(digests.end(), some.begin(), some.end());
    if (std::string(name) != "changed") continue;
    // Open in the reader, and changed by one bit a block.
    ASSERT_TRUE(read(some[0]));
    std::string changed = bytes;
    for (size_t i = 0; i < 250; ++i) {
      changed[i * kBlockBytes + random_() % kBlockBytes] ^= 1;
    }
    write(name, changed);
  }
  ASSERT_TRUE(read(digests[500]));
  ASSERT_TRUE(read(digests[750]));
  std::filesystem::resize_file(folder_.at("cut"), kBlockBytes - 1);
  std::filesystem::remove(folder_.at("gone"));
  write("new", random_bytes(250 * kBlockBytes));
  std::filesystem::rename(folder_.at("new"), folder_.at("replaced"));

  ASSERT_EQ(digests.size(), 1000u);
  size_t there = 0;
  for (const ContentDigest& digest : digests) {
    ASSERT_TRUE(place_of(digest));
    there += read(digest) ? 1 : 0;  // looks at each byte by its digest
  }
  // Files that were open still have what they had, under no name.
  EXPECT_EQ(there, 500u);
  // A new reader has none of it open.
  ContentReader fresh(identity(), index_);
  for (const ContentDigest& digest : digests) {
    ASSERT_FALSE(fresh.read(*place_of(digest), digest, block_));
  }
  EXPECT_EQ(fresh.stale(), 1000u);
}

TEST_F(Reader, FindsTheFileThatTookAnothersName) {
  const std::string before = random_bytes(kBlockBytes);
  const std::string after = random_bytes(kBlockBytes);
  write("a", before);
  const auto old = index_file("a", before);
  ASSERT_TRUE(read(old[0]));
  write("b", after);
  std::filesystem::rename(folder_.at("b"), folder_.at("a"));
  const auto now = index_file("a", after);
  // The first look is at the file that is open, the second at the new one.
  (void)read(now[0]);
  EXPECT_TRUE(read(now[0]));
  EXPECT_TRUE(block_is(after, 0));
  EXPECT_FALSE(read(old[0]));
}

TEST_F(Reader, AFalseHintIsNotBelieved) {
  const std::string bytes = random_bytes(2 * kBlockBytes);
  write("a", bytes);
  const auto digests = index_file("a", bytes);
  const ContentPlace place = *place_of(digests[0]);
  EXPECT_FALSE(read_at({place.source, kBlockBytes}, digests[0]));
  EXPECT_FALSE(read_at({place.source, 1ull << 45}, digests[0]));
  EXPECT_FALSE(read_at({place.source + 9, 0}, digests[0]));
  EXPECT_TRUE(read_at(place, digests[0]));
}

TEST_F(Reader, DoesNotWaitForWhatIsNoFile) {
  ASSERT_EQ(::mkfifo(folder_.at("fifo").c_str(), 0600), 0);
  std::filesystem::create_directory(folder_.at("folder"));
  const ContentDigest digest{};
  EXPECT_FALSE(read_at({add("fifo"), 0}, digest));
  EXPECT_FALSE(read_at({add("folder"), 0}, digest));
}

TEST_F(Reader, ReadsARegionThatIsLent) {
  const std::string bytes = random_bytes(4 * kBlockBytes);
  UniqueFd ram(::memfd_create("ram", MFD_CLOEXEC));
  ASSERT_EQ(::pwrite(ram.get(), bytes.data(), bytes.size(), 0),
            static_cast<ssize_t>(bytes.size()));
  const auto id = index_.add_source({ContentKind::kRegion, "g1", 1});
  ASSERT_TRUE(id);
  const ContentDigest digest = identity_.digest(
      reinterpret_cast<const std::byte*>(bytes.data() + 2 * kBlockBytes));
  const ContentPlace place{*id, 2 * kBlockBytes};
  EXPECT_FALSE(read_at(place, digest));  // nobody has lent it
  reader_.lend(*id, ram.get());
  EXPECT_TRUE(read_at(place, digest));
  EXPECT_TRUE(block_is(bytes, 2));
  EXPECT_FALSE(read_at({*id, 64 * kBlockBytes}, digest));  // beyond its end
  EXPECT_TRUE(read_at(place, digest));  // a stale look takes nothing back
  reader_.unlend(*id);
  EXPECT_FALSE(read_at(place, digest));
}

size_t open_files() {
  const std::filesystem::directory_iterator all("/proc/self/fd");
  return static_cast<size_t>(std::distance(begin(all), end(all)));
}

TEST_F(Reader, KeepsABoundedNumberOfFilesOpen) {
  const size_t before = open_files();
  const std::string bytes = random_bytes(kBlockBytes);
  const ContentDigest digest =
      identity_.digest(reinterpret_cast<const std::byte*>(bytes.data()));
  for (int pass = 0; pass < 2; ++pass) {
    for (size_t i = 0; i < 3 * kContentFilesOpenMax; ++i) {
      const std::string name = std::to_string(i);
      if (pass == 0) write(name, bytes);
      ASSERT_TRUE(read_at({add(name), 0}, digest)) << name;
      ASSERT_LE(open_files(), before + kContentFilesOpenMax);
    }
  }
}

}  // namespace
}  // namespace causeway
