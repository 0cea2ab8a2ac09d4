// FrameEncoder and FrameDecoder together: whatever goes in comes out.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <cstring>
#include <map>

#include "engine/codec/frame_decoder.h"
#include "engine/codec/frame_encoder.h"
#include "tests/engine/codec/sample_content.h"

namespace causeway {
namespace {

// A plain digest for the tests: the codec only compares them.
uint64_t digest_of(std::span<const std::byte> block) {
  uint64_t digest = 1469598103934665603ull;
  for (const std::byte byte : block) {
    digest = (digest ^ static_cast<uint64_t>(byte)) * 1099511628211ull;
  }
  return digest;
}

// The target's memory, and contents that it has elsewhere.
class Memory final : public FrameTarget {
 public:
  const std::byte* base(uint64_t block, uint64_t expected) override {
    return digest(block) == expected ? blocks[block].data() : nullptr;
  }
  void look_up(std::span<const ContentDigest> references) override {
    EXPECT_TRUE(announced.empty());
    announced.assign(references.begin(), references.end());
  }
  const std::byte* content(uint64_t, const ContentDigest& digest) override {
    EXPECT_TRUE(!announced.empty() && announced.front() == digest);
    announced.erase(announced.begin());
    const auto found = contents.find(digest);
    return found == contents.end() ? nullptr : found->second.data();
  }
  bool piece(const ContentPiece& piece, std::span<std::byte> out) override {
    if (piece.is_indexed()) {
      EXPECT_TRUE(!announced.empty() && announced.front() == piece.name);
      announced.erase(announced.begin());
    }
    const auto found = contents.find(piece.name);
    if (found == contents.end()) return false;
    EXPECT_EQ(found->second.size(), out.size());
    std::copy(found->second.begin(), found->second.end(), out.begin());
    return true;
  }
  const std::byte* copy(const BlockCopy& from) override {
    EXPECT_EQ(from.region, 3);
    return base(from.block, from.digest);
  }
  Status zero(uint64_t first, uint32_t count) override {
    for (uint64_t block = first; block < first + count; ++block) {
      blocks[block] = zero_block();
    }
    return {};
  }
  Status place(uint64_t first, std::span<const std::byte> bytes) override {
    for (uint64_t i = 0; i < bytes.size() / kBlockBytes; ++i) {
      const auto block = bytes.subspan(i * kBlockBytes, kBlockBytes);
      blocks[first + i] = Block(block.begin(), block.end());
    }
    return {};
  }
  Status missing(uint64_t block, BlockMethod method) override {
    lacking.push_back(block);
    only_copies_lack &= method == BlockMethod::kCopy;
    return {};
  }
  uint64_t digest(uint64_t block) const {
    const auto found = blocks.find(block);
    return found == blocks.end() ? 0 : digest_of(found->second);
  }

  std::map<uint64_t, Block> blocks;
  std::map<ContentDigest, Block> contents;
  std::vector<uint64_t> lacking;
  bool only_copies_lack = true;
  std::vector<ContentDigest> announced;
};

// Knows a block if the memory has its content.
class Index final : public KnownContent {
 public:
  bool known(RegionId, uint64_t, const std::byte* bytes,
             ContentDigest& digest) override {
    const Block block(bytes, bytes + kBlockBytes);
    for (const auto& [name, content] : contents) {
      if (content == block) {
        digest = name;
        return true;
      }
    }
    return false;
  }
  std::map<ContentDigest, Block> contents;
};

// Cuts anywhere, and gives the memory what it has named.
class Pieces final : public ContentPieces {
 public:
  explicit Pieces(Random& random) : random_(random) {}
  size_t cut(std::span<const std::byte> bytes,
             std::span<ContentPiece> out) override {
    size_t count = 0;
    while (!bytes.empty()) {
      EXPECT_LT(count, out.size());
      const auto piece =
          bytes.first(std::min<size_t>(bytes.size(), 600 + random_() % 9000));
      bytes = bytes.subspan(piece.size());
      out[count] = {
          PieceKind::kBeside, static_cast<uint32_t>(piece.size()), {}};
      if (piece.size() % 3 != 0) out[count].kind = PieceKind::kByContent;
      const uint64_t digest = digest_of(piece);
      std::memcpy(out[count].name.data(), &digest, sizeof digest);
      contents[out[count].name] = Block(piece.begin(), piece.end());
      ++count;
    }
    return count;
  }
  std::map<ContentDigest, Block> contents;

 private:
  Random& random_;
};

// What was sent before, of region 3. It remembers the last place of a content.
class Earlier final : public EarlierContent {
 public:
  bool find(RegionId region, uint64_t block, const std::byte*, uint64_t digest,
            BlockCopy& from) override {
    EXPECT_EQ(region, 3);
    const auto found = places.find(digest);
    if (found == places.end() || found->second == block) return false;
    from = {region, found->second, digest};
    return true;
  }
  void note(RegionId, uint64_t block, uint64_t digest) override {
    places[digest] = block;
  }
  std::map<uint64_t, uint64_t> places;
};

class RoundTrip : public testing::Test {
 protected:
  // Encodes what was taken; digests as the sender would.
  std::optional<size_t> encode(int level, Version version, bool deltas,
                               KnownContent* known = nullptr) {
    digests_.clear();
    before_.clear();
    for (uint32_t i = 0; i < encoder_.blocks(); ++i) {
      digests_.push_back(
          digest_of(encoder_.copies().subspan(i * kBlockBytes, kBlockBytes)));
      before_.push_back(memory_.digest(encoder_.block(i)));
    }
    return encoder_.encode(
        {3, version, level, digests_, before_, deltas ? &sent_ : nullptr,
         copies_ ? &earlier_ : nullptr, known},
        out_);
  }
  std::optional<size_t> send(int level, Version version, bool deltas,
                             KnownContent* known = nullptr) {
    const auto bytes = encode(level, version, deltas, known);
    if (!bytes) {
      for (uint32_t i = 0; i < encoder_.blocks(); ++i) {
        EXPECT_TRUE(memory_.place(
            encoder_.block(i),
            encoder_.copies().subspan(i * kBlockBytes, kBlockBytes)));
      }
      return bytes;
    }
    EXPECT_LT(*bytes, encoder_.blocks() * kBlockBytes);
    const auto decoded = decoder_.decode(
        encoder_.span(), std::span(out_).first(*bytes), memory_);
    EXPECT_TRUE(decoded) << decoded.error().message;
    EXPECT_TRUE(decoded && *decoded == encoder_.tally().blocks);
    return bytes;
  }

  FrameEncoder encoder_;
  FrameDecoder decoder_;
  SentVersions sent_{8u << 20};
  Memory memory_;
  Earlier earlier_;
  bool copies_ = false;
  std::vector<std::byte> out_ = std::vector<std::byte>(kFrameBytesMax);
  std::vector<uint64_t> digests_;
  std::vector<uint64_t> before_;
};

TEST_F(RoundTrip, EachMethodIsUsedForWhatItIsFor) {
  Random random(31);
  const Block text = text_block(random);
  const Block noise = random_block(random);
  Index index;
  const Block elsewhere = random_block(random);
  const ContentDigest name{std::byte{7}};
  index.contents[name] = memory_.contents[name] = elsewhere;
  ASSERT_EQ(encoder_.take(10, text), 1u);
  ASSERT_EQ(encoder_.take(11, noise), 1u);
  ASSERT_EQ(encoder_.take(14, zero_block()), 1u);
  ASSERT_EQ(encoder_.take(15, elsewhere), 1u);
  EXPECT_EQ(encoder_.span(), (BitRun{10, 6}));
  ASSERT_TRUE(send(1, 1, true, &index));
  EXPECT_THAT(encoder_.tally().blocks,
              testing::ElementsAre(1, 1, 0, 1, 1, 0, 0));
  EXPECT_EQ(memory_.blocks[10], text);
  EXPECT_EQ(memory_.blocks[11], noise);
  EXPECT_EQ(memory_.blocks[14], zero_block());
  EXPECT_EQ(memory_.blocks[15], elsewhere);
  EXPECT_EQ(memory_.blocks.size(), 4u);

  Block changed = noise;
  change_words(changed, 40, random);
  ASSERT_EQ(encoder_.take(11, changed), 1u);
  const auto bytes = send(0, 2, true);
  ASSERT_TRUE(bytes);
  EXPECT_LT(*bytes, 600u);
  EXPECT_EQ(encoder_.tally().of(BlockMethod::kDelta), 1u);
  EXPECT_EQ(memory_.blocks[11], changed);
}

TEST_F(RoundTrip, AFrameIsFullAtItsLimits) {
  Random random(32);
  Block many;
  for (uint32_t i = 0; i < kFrameBlocksMax + 1; ++i) {
    const Block block = text_block(random);
    many.insert(many.end(), block.begin(), block.end());
  }
  EXPECT_EQ(encoder_.take(5, many), kFrameBlocksMax);
  EXPECT_EQ(encoder_.take(5 + kFrameBlocksMax, zero_block()), 0u);
  ASSERT_TRUE(send(3, 1, false));
  EXPECT_EQ(encoder_.take(5, zero_block()), 1u);  // the next frame
  EXPECT_EQ(encoder_.take(7ull + kFrameGapMax, zero_block()), 0u);
  EXPECT_EQ(encoder_.take(6ull + kFrameGapMax, zero_block()), 1u);
  ASSERT_TRUE(send(3, 1, false));
  EXPECT_EQ(memory_.blocks.count(6ull + kFrameGapMax), 1u);
}

TEST_F(RoundTrip, WhatDoesNotShrinkIsLeftRaw) {
  Random random(33);
  for (int level = kNoDeflate; level <= kDeflateLevelMax; ++level) {
    for (uint32_t i = 0; i < kFrameBlocksMax; ++i) {
      ASSERT_EQ(encoder_.take(2 * i, random_block(random)), 1u);
    }
    EXPECT_FALSE(encode(level, 1, false)) << level;
    EXPECT_EQ(encoder_.tally().of(BlockMethod::kRaw), kFrameBlocksMax);
    // One block that deflates must not cost the others anything.
    ASSERT_EQ(encoder_.take(0, text_block(random)), 1u);
    for (uint32_t i = 1; i < kFrameBlocksMax; ++i) {
      ASSERT_EQ(encoder_.take(2 * i, random_block(random)), 1u);
    }
    EXPECT_EQ(encode(level, 1, false).has_value(), level != kNoDeflate);
  }
}

TEST_F(RoundTrip, ABaseThatIsNotThereIsSaidAndNothingIsPlaced) {
  Random random(34);
  Block block = random_block(random);
  ASSERT_EQ(encoder_.take(3, block), 1u);
  (void)send(1, 1, true);
  change_words(block, 20, random);
  ASSERT_EQ(encoder_.take(3, block), 1u);
  ASSERT_EQ(encoder_.take(4, zero_block()), 1u);
  const auto bytes = encode(1, 2, true);
  ASSERT_TRUE(bytes);
  ASSERT_EQ(encoder_.tally().of(BlockMethod::kDelta), 1u);
  const Block other = random_block(random);
  memory_.blocks[3] = other;  // a fault
  ASSERT_TRUE(
      decoder_.decode(encoder_.span(), std::span(out_).first(*bytes), memory_));
  EXPECT_THAT(memory_.lacking, testing::ElementsAre(3));
  EXPECT_EQ(memory_.blocks[3], other);
  EXPECT_EQ(memory_.blocks[4], zero_block());
}

TEST_F(RoundTrip, AStaleReferenceIsSaid) {
  Random random(35);
  Index index;
  const Block block = random_block(random);
  index.contents[ContentDigest{std::byte{1}}] = block;
  ASSERT_EQ(encoder_.take(8, block), 1u);
  ASSERT_TRUE(send(kNoDeflate, 1, false, &index));
  EXPECT_THAT(memory_.lacking, testing::ElementsAre(8));
  EXPECT_EQ(memory_.blocks.count(8), 0u);
}

TEST_F(RoundTrip, TheSpanIsThePutsOrNothing) {
  Random random(36);
  ASSERT_EQ(encoder_.take(8, text_block(random)), 1u);
  const size_t bytes = encode(1, 1, false).value();
  const auto frame = std::span<const std::byte>(out_).first(bytes);
  EXPECT_FALSE(decoder_.decode({8, 2}, frame, memory_));
  EXPECT_FALSE(decoder_.decode({8, 0}, frame, memory_));
  EXPECT_TRUE(memory_.blocks.empty());
  EXPECT_TRUE(decoder_.decode({8, 1}, frame, memory_));
}

// A frame whose deltas, inflated, are not what the runs say.
TEST_F(RoundTrip, AStreamOfAnotherLengthIsRefused) {
  Random random(37);
  Deflater deflater;
  const auto refuse = [&](BlockMethod method, const Block& material,
                          const char* why) {
    const size_t head = kCodecHeadBytes + kCodecRunBytes +
                        (method == BlockMethod::kDelta ? kDeltaBaseBytes : 0);
    std::vector<std::byte> frame(kFrameBytesMax);
    store_run({method, 1, 0}, &frame[kCodecHeadBytes]);
    frame.resize(
        head +
        deflater.deflate(1, material, std::span(frame).subspan(head)).value());
    seal_frame(frame, 1, 1, FrameStage::kDeflate);
    const auto decoded = decoder_.decode({0, 1}, frame, memory_);
    ASSERT_FALSE(decoded);
    EXPECT_EQ(decoded.error().code, ErrorCode::kPeerBroken);
    EXPECT_THAT(decoded.error().message, testing::HasSubstr(why));
    EXPECT_TRUE(memory_.blocks.empty());
  };
  refuse(BlockMethod::kDeflated, Block(kBlockBytes - 1),
         "cut short in a block");
  refuse(BlockMethod::kDeflated, Block(kBlockBytes + 1),
         "more than its blocks");
  refuse(BlockMethod::kDelta, Block(kDeltaMaskBytes - 1),
         "cut short in a delta");
  refuse(BlockMethod::kDelta, Block(kDeltaMaskBytes + 1), "1 bytes more");
  refuse(BlockMethod::kDelta, Block(200, std::byte{0xff}),
         "cut short in a delta");
}

TEST_F(RoundTrip, ContentThatWasSentBeforeGoesAsACopy) {
  Random random(32);
  copies_ = true;
  const Block noise = random_block(random);
  const Block text = text_block(random);
  ASSERT_EQ(encoder_.take(10, noise), 1u);
  ASSERT_EQ(encoder_.take(11, text), 1u);
  ASSERT_TRUE(send(1, 1, false));
  EXPECT_EQ(encoder_.tally().of(BlockMethod::kCopy), 0u);
  for (const uint64_t block : {20, 21, 22}) {
    ASSERT_EQ(encoder_.take(block, block == 21 ? text : noise), 1u);
  }
  const auto bytes = send(1, 2, false);
  ASSERT_TRUE(bytes);
  EXPECT_EQ(encoder_.tally().of(BlockMethod::kCopy), 3u);
  EXPECT_EQ(*bytes, kCodecHeadBytes + kCodecRunBytes + 3 * kBlockCopyBytes);
  EXPECT_TRUE(memory_.blocks[20] == noise && memory_.blocks[21] == text);

  // What has changed at the target meanwhile is asked for again.
  memory_.blocks[10] = text_block(random);
  ASSERT_EQ(encoder_.take(30, noise), 1u);
  earlier_.places[digest_of(noise)] = 10;
  ASSERT_TRUE(send(1, 3, false));
  EXPECT_THAT(memory_.lacking, testing::ElementsAre(30));
}

// Blocks come out of pieces that begin and end anywhere in them; those of which
// a part is not there are said.
TEST_F(RoundTrip, PiecesMakeBlocksWhereAllOfThemAreThere) {
  Random random(38);
  Pieces pieces(random);
  uint64_t placed = 0;
  for (int round = 0; round < 50; ++round) {
    std::map<uint64_t, Block> guest;
    uint64_t number = 0;
    for (int i = 0; i < 40; ++i) {
      number += random() % 4 == 0 ? 3 : 1;
      guest[number] = random() % 5 == 0 ? zero_block() : random_block(random);
      ASSERT_EQ(encoder_.take(number, guest[number]), 1u);
    }
    FrameOrder order;
    order.pieces = &pieces;
    const auto bytes = encoder_.encode(order, out_);
    ASSERT_TRUE(bytes);
    // Some of it is stale.
    memory_ = {};
    memory_.contents = pieces.contents;
    std::erase_if(memory_.contents, [&](auto&) { return random() % 8 == 0; });
    const auto decoded = decoder_.decode(
        encoder_.span(), std::span(out_).first(*bytes), memory_);
    ASSERT_TRUE(decoded) << decoded.error().message;
    EXPECT_TRUE(memory_.announced.empty());
    for (const auto& [block, content] : memory_.blocks) {
      ASSERT_TRUE(content == guest[block]) << block;
    }
    EXPECT_EQ(memory_.blocks.size() + memory_.lacking.size(), guest.size());
    placed += memory_.blocks.size() - (*decoded)[0];
  }
  EXPECT_GT(placed, 200u);
}

// Mixes of everything over many versions, against the model of what was taken.
TEST_F(RoundTrip, RandomMixesComeOutAsTheyWentIn) {
  const char* given = std::getenv("CAUSEWAY_SEED");
  const uint64_t seed = given != nullptr ? std::strtoull(given, nullptr, 10)
                                         : std::random_device{}();
  SCOPED_TRACE(testing::Message() << "CAUSEWAY_SEED=" << seed);
  Random random(seed);
  Index index;
  copies_ = true;
  for (uint8_t i = 0; i < 8; ++i) {
    const ContentDigest name{std::byte{i}};
    index.contents[name] = memory_.contents[name] = random_block(random);
  }
  std::map<uint64_t, Block> guest;
  std::array<uint64_t, kBlockMethods> used{};
  for (Version version = 1; version <= 60; ++version) {
    const int level = static_cast<int>(random() % 5) - 1;
    uint64_t block = random() % 64;
    for (uint64_t wanted = random() % 80 + 1; wanted > 0; --wanted) {
      Block& bytes = guest[block];
      const uint64_t kind = random() % 7;
      if (kind == 0) bytes = zero_block();
      if (kind == 1) bytes = text_block(random);
      if (kind == 2) bytes = random_block(random);
      if (kind == 3) bytes = index.contents[{std::byte(random() % 8)}];
      if (kind == 4) bytes = guest.begin()->second;
      if (bytes.empty()) bytes = text_block(random);
      if (kind > 4) change_words(bytes, random() % 200, random);
      if (encoder_.take(block, bytes) == 0) break;
      block += random() % 3 == 0 ? random() % 40 + 1 : 1;
    }
    (void)send(level, version, random() % 4 != 0, &index);
    for (size_t i = 0; i < kBlockMethods; ++i) {
      used[i] += encoder_.tally().blocks[i];
    }
    // What a copy is of may have changed in the same frame.
    for (const uint64_t lacking : memory_.lacking) {
      memory_.blocks[lacking] = guest[lacking];
    }
    ASSERT_TRUE(memory_.only_copies_lack);
    memory_.lacking.clear();
    for (uint32_t i = 0; i < encoder_.blocks(); ++i) {
      const uint64_t number = encoder_.block(i);
      ASSERT_TRUE(memory_.blocks[number] == guest[number])
          << "version " << version << ", block " << number;
    }
  }
  // Each has been tried; 60 frames make it certain for any seed. Pieces are
  // with no others in a frame.
  for (size_t i = 0; i < kBlockMethods; ++i) {
    if (i == static_cast<size_t>(BlockMethod::kPieced)) continue;
    EXPECT_GT(used[i], 0u) << i;
  }
}

// A process that writes to memory that both map, as a guest does, until it is
// told to end.
class Writer {
 public:
  explicit Writer(size_t bytes)
      : words_(static_cast<volatile uint64_t*>(
            ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                   MAP_SHARED | MAP_ANONYMOUS, -1, 0))),
        count_(bytes / sizeof(uint64_t)) {
    for (size_t i = 0; i < count_; ++i) words_[i] = next();
    process_ = ::fork();
    if (process_ != 0) return;
    // Never more than this of a block, so that there is always a delta to take
    // however long the reader lets it write.
    constexpr size_t kHotWords = 64;
    constexpr size_t kBlockWords = kBlockBytes / sizeof(uint64_t);
    for (;;) {
      const uint64_t x = next();
      const size_t block = (x >> 20) % (count_ / kBlockWords);
      words_[block * kBlockWords + x % kHotWords] = x % 3 == 0 ? 0 : x % 97;
    }
  }
  ~Writer() {
    ::kill(process_, SIGKILL);
    ::waitpid(process_, nullptr, 0);
    ::munmap(const_cast<uint64_t*>(words_), count_ * sizeof(uint64_t));
  }
  std::span<const std::byte> memory() const {
    return {const_cast<const std::byte*>(
                reinterpret_cast<const volatile std::byte*>(words_)),
            count_ * sizeof(uint64_t)};
  }

 private:
  // xorshift64 (Marsaglia, 2003).
  uint64_t next() {
    state_ ^= state_ << 13;
    state_ ^= state_ >> 7;
    state_ ^= state_ << 17;
    return state_;
  }

  volatile uint64_t* words_;
  size_t count_;
  uint64_t state_ = 88172645463325252ull;
  pid_t process_ = -1;
};

// The guest writes while the encoder takes: what comes out is what was copied,
// whatever that was.
TEST_F(RoundTrip, ContentThatChangesUnderTheEncoder) {
  constexpr uint32_t kBlocks = 16;
  const Writer guest(kBlocks * kBlockBytes);
  uint64_t changed = 0;
  uint64_t deltas = 0;
  for (Version version = 1; version <= 500; ++version) {
    ASSERT_EQ(encoder_.take(0, guest.memory()), kBlocks);
    (void)send(static_cast<int>(version % 4), version, version > 250);
    for (uint32_t i = 0; i < kBlocks; ++i) {
      ASSERT_EQ(memory_.digest(i), digests_[i]);
      changed += digests_[i] != before_[i] ? 1 : 0;
    }
    deltas += encoder_.tally().of(BlockMethod::kDelta);
    ASSERT_TRUE(memory_.lacking.empty());
  }
  EXPECT_GT(changed, 100u);
  EXPECT_GT(deltas, 100u);
}

}  // namespace
}  // namespace causeway
