// What a source names of its blocks, and what a target that has the content at
// another byte finds of it.
#include "engine/content/piece_namer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <random>

#include "engine/content/content_reader.h"
#include "engine/content/memory_content_index.h"
#include "tests/engine/content/test_folder.h"

namespace causeway {
namespace {

const ContentKey kKey{std::byte{5}};

ContentIdentity identity() { return ContentIdentity::create(kKey).value(); }

class PieceNamerTest : public testing::Test {
 protected:
  PieceNamerTest() {
    std::mt19937_64 random(6);
    for (std::byte& byte : content_) byte = static_cast<std::byte>(random());
    std::ranges::fill(std::span(content_).subspan(40'000, 3000), std::byte{0});
  }
  // The content in a file, so many bytes behind its begin.
  ContentSourceId write(size_t shift) {
    std::ofstream file(folder_.at("file"), std::ios::binary);
    file << std::string(shift, 'x');
    file.write(reinterpret_cast<const char*>(content_.data()),
               static_cast<std::streamsize>(content_.size()));
    return index_.add_source({ContentKind::kFile, folder_.at("file")}).value();
  }
  // The pieces, which are all of the content.
  std::vector<ContentPiece> cut(ContentCut how) {
    PieceNamer namer(identity(), how);
    std::vector<ContentPiece> pieces(kFramePiecesMax);
    pieces.resize(namer.cut(content_, pieces));
    size_t bytes = 0;
    for (const ContentPiece& piece : pieces) bytes += piece.bytes;
    EXPECT_EQ(bytes, content_.size());
    return pieces;
  }
  // Bytes of named pieces that a reader finds in the file, if it is told the
  // sector in which they begin.
  size_t found(ContentCut how, size_t shift) {
    const ContentSourceId file = write(shift);
    ContentReader reader(identity(), index_);
    size_t at = 0;
    size_t found = 0;
    for (const ContentPiece& piece : cut(how)) {
      const uint64_t sector =
          (shift + at) / kContentAlignBytes * kContentAlignBytes;
      std::vector<std::byte> out(piece.bytes);
      if (piece.is_indexed() &&
          reader.read_piece({file, sector}, how, piece.name, out)) {
        EXPECT_TRUE(std::ranges::equal(
            out, std::span(content_).subspan(at, piece.bytes)));
        EXPECT_TRUE(reader.has({file, sector}, piece.name));
        found += piece.bytes;
      }
      at += piece.bytes;
    }
    return found;
  }

  TestFolder folder_;
  MemoryContentIndex index_{1 << 20};
  std::vector<std::byte> content_ = std::vector<std::byte>(kFrameBytesMax);
};

TEST_F(PieceNamerTest, SectorsAreFoundAtAnySector) {
  const auto pieces = cut(ContentCut::kSectors);
  EXPECT_EQ(pieces.size(), kFramePiecesMax);
  EXPECT_EQ(std::ranges::count(pieces, PieceKind::kZero, &ContentPiece::kind),
            (43'000 / 512) - (40'000 / 512 + 1));
  EXPECT_EQ(found(ContentCut::kSectors, 3 * kContentAlignBytes),
            content_.size() - 4 * kContentAlignBytes);
  EXPECT_EQ(found(ContentCut::kSectors, 1000), 0u);
}

// The two ends are found behind what a frame before has found; by a reader
// that knows nothing of that, all but them.
TEST_F(PieceNamerTest, WhatIsCutByContentIsFoundAtAnyByte) {
  for (const size_t shift : {0, 1, 511, 512, 1000, 4096, 70'001}) {
    EXPECT_GT(found(ContentCut::kByContent, shift),
              content_.size() - 2 * kPieceBytesMax - 3000)
        << shift;
  }
}

TEST_F(PieceNamerTest, ZerosNeedNoName) {
  std::ranges::fill(content_, std::byte{0});
  for (const auto how : {ContentCut::kSectors, ContentCut::kByContent}) {
    for (const ContentPiece& piece : cut(how)) {
      EXPECT_EQ(piece.kind, PieceKind::kZero);
    }
  }
}

// A file that has changed, been cut off or gone costs bytes.
TEST_F(PieceNamerTest, WhatIsStaleIsNotThere) {
  const ContentSourceId file = write(100);
  ContentReader reader(identity(), index_);
  const auto pieces = cut(ContentCut::kByContent);
  const auto& piece = pieces[1];
  ASSERT_TRUE(piece.is_indexed());
  const ContentPlace place{
      file, (100 + pieces[0].bytes) / kContentAlignBytes * kContentAlignBytes};
  std::vector<std::byte> out(piece.bytes);
  const auto there = [&] {
    return reader.read_piece(place, ContentCut::kByContent, piece.name, out);
  };
  ASSERT_TRUE(there());
  std::filesystem::resize_file(folder_.at("file"),
                               100 + pieces[0].bytes + piece.bytes - 1);
  EXPECT_FALSE(there());
  EXPECT_FALSE(reader.has(place, piece.name));
  std::filesystem::remove(folder_.at("file"));
  EXPECT_FALSE(there());
  content_[pieces[0].bytes + 70] ^= std::byte{1};
  write(100);
  EXPECT_FALSE(there());
}

}  // namespace
}  // namespace causeway
