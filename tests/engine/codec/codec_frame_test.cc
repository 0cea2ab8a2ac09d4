#include "engine/codec/codec_frame.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace causeway {
namespace {

using testing::HasSubstr;

// Head, runs, then `rest` bytes.
std::vector<std::byte> frame_of(const std::vector<FrameRun>& runs, size_t rest,
                                FrameStage stage, int claimed_blocks = -1) {
  std::vector<std::byte> frame(kCodecHeadBytes + runs.size() * kCodecRunBytes +
                               rest);
  uint32_t blocks = 0;
  for (size_t i = 0; i < runs.size(); ++i) {
    store_run(runs[i], &frame[kCodecHeadBytes + i * kCodecRunBytes]);
    blocks += runs[i].blocks;
  }
  seal_frame(
      frame, runs.size(),
      claimed_blocks < 0 ? blocks : static_cast<uint32_t>(claimed_blocks),
      stage);
  return frame;
}

std::string trouble(const std::vector<std::byte>& frame) {
  const auto parts = parse_frame(frame);
  if (parts) return "";
  EXPECT_EQ(parts.error().code, ErrorCode::kPeerBroken);
  return parts.error().message;
}

TEST(CodecFrame, RunsTellTheLengthOfEveryPart) {
  const std::vector<FrameRun> runs = {{BlockMethod::kZero, 57, 0},
                                      {BlockMethod::kDelta, 2, kFrameGapMax},
                                      {BlockMethod::kReference, 1, 1},
                                      {BlockMethod::kCopy, 3, 0},
                                      {BlockMethod::kRaw, 1, 0}};
  constexpr size_t kStream = 77;
  const auto frame = frame_of(runs,
                              2 * kDeltaBaseBytes + kContentDigestBytes +
                                  3 * kBlockCopyBytes + kBlockBytes + kStream,
                              FrameStage::kDeflate);
  const auto parts = parse_frame(frame);
  ASSERT_TRUE(parts) << parts.error().message;
  EXPECT_THAT(parts->runs(), testing::ElementsAreArray(runs));
  EXPECT_EQ(parts->span_blocks, 57 + kFrameGapMax + 2 + 1 + 1 + 3 + 1);
  EXPECT_EQ(parts->references.size(), kContentDigestBytes);
  EXPECT_EQ(parts->bases.size(), 2 * kDeltaBaseBytes);
  EXPECT_EQ(parts->raw.size(), kBlockBytes);
  EXPECT_EQ(parts->stream.size(), kStream);
  EXPECT_EQ(parts->of(BlockMethod::kZero), 57u);
  EXPECT_EQ(parts->copies.size(), 3 * kBlockCopyBytes);
}

TEST(CodecFrame, NamesWhatIsWrong) {
  const FrameRun raw{BlockMethod::kRaw, 1, 0};
  const FrameRun zero{BlockMethod::kZero, 1, 0};
  EXPECT_EQ(trouble(frame_of({raw}, kBlockBytes, FrameStage::kNone)), "");
  EXPECT_THAT(trouble({}), HasSubstr("has 0 bytes"));
  EXPECT_THAT(trouble(std::vector<std::byte>(kFrameBytesMax + 1)),
              HasSubstr("has 262145 bytes"));
  EXPECT_THAT(trouble(frame_of({raw}, kBlockBytes - 1, FrameStage::kNone)),
              HasSubstr("which need 4096"));
  EXPECT_THAT(trouble(frame_of({raw}, kBlockBytes + 1, FrameStage::kNone)),
              HasSubstr("a stream of 1 bytes"));
  EXPECT_THAT(trouble(frame_of({raw}, kBlockBytes, FrameStage::kDeflate)),
              HasSubstr("stage 1"));
  EXPECT_THAT(
      trouble(frame_of({{BlockMethod::kDeflated, 1, 0}}, 9, FrameStage::kNone)),
      HasSubstr("stage 0"));
  EXPECT_THAT(trouble(frame_of({{BlockMethod::kDeflated, 1, 0}}, 0,
                               FrameStage::kDeflate)),
              HasSubstr("a stream of 0 bytes"));
  EXPECT_THAT(
      trouble(frame_of({{BlockMethod::kZero, 1, 3}}, 0, FrameStage::kNone)),
      HasSubstr("passes over 3"));
  EXPECT_THAT(trouble(frame_of({zero, {BlockMethod::kZero, 64, 0}}, 0,
                               FrameStage::kNone, 64)),
              HasSubstr("more than 64 blocks"));
  EXPECT_THAT(trouble(frame_of({zero}, 0, FrameStage::kNone, 2)),
              HasSubstr("claims 2 blocks"));
  EXPECT_THAT(trouble(frame_of({{static_cast<BlockMethod>(7), 1, 0}}, 0,
                               FrameStage::kNone)),
              HasSubstr("unknown method 7"));
}

std::vector<std::byte> frame_of_pieces(uint32_t blocks,
                                       const std::vector<ContentPiece>& pieces,
                                       size_t rest = 0) {
  std::vector<std::byte> bytes(kFrameBytesMax);
  store_run({BlockMethod::kPieced, blocks, 0}, &bytes[kCodecHeadBytes]);
  size_t at = kCodecHeadBytes + kCodecRunBytes;
  for (const ContentPiece& piece : pieces) {
    store_piece(piece, &bytes[at]);
    at += wire_bytes(piece);
  }
  bytes.resize(at + rest);
  seal_frame(bytes, 1, blocks, FrameStage::kNone);
  return bytes;
}

TEST(CodecFrame, PiecesMakeUpTheirRun) {
  const ContentPiece named{PieceKind::kByContent, 5000, {std::byte{1}}};
  const ContentPiece zeros{PieceKind::kZero, 3000, {}};
  const ContentPiece rest{PieceKind::kBeside, 192, {}};
  const auto good = frame_of_pieces(2, {named, zeros, rest});
  const auto parts = parse_frame(good);
  ASSERT_TRUE(parts) << parts.error().message;
  auto left = parts->pieces;
  for (const ContentPiece& piece : {named, zeros, rest}) {
    EXPECT_EQ(take_piece(left), piece);
  }
  EXPECT_TRUE(left.empty());
  EXPECT_THAT(trouble(frame_of_pieces(2, {named, zeros})),
              HasSubstr("end 192 bytes before a run does"));
  EXPECT_THAT(trouble(frame_of_pieces(1, {named})),
              HasSubstr("5000 bytes stands where a run lacks 4096"));
  EXPECT_THAT(trouble(frame_of_pieces(2, {named, zeros, rest}, 1)),
              HasSubstr("a stream of 1 bytes"));
  auto cut = frame_of_pieces(2, {rest, zeros, named});
  cut.resize(cut.size() - 3);
  seal_frame(cut, 1, 2, FrameStage::kNone);
  EXPECT_THAT(trouble(cut), HasSubstr("end 5000 bytes before a run does"));
  const std::vector<ContentPiece> bytes(kBlockBytes, {PieceKind::kZero, 1, {}});
  EXPECT_THAT(trouble(frame_of_pieces(1, bytes)),
              HasSubstr("end 3584 bytes before a run does"));
}

TEST(CodecFrame, EveryByteIsCovered) {
  const auto good =
      frame_of({{BlockMethod::kReference, 2, 0}, {BlockMethod::kRaw, 1, 7}},
               2 * kContentDigestBytes + kBlockBytes, FrameStage::kNone);
  ASSERT_EQ(trouble(good), "");
  for (size_t at = 0; at < good.size(); ++at) {
    auto bad = good;
    bad[at] ^= std::byte{0x10};
    ASSERT_NE(trouble(bad), "") << "byte " << at;
  }
  for (size_t bytes = 0; bytes < good.size(); ++bytes) {
    ASSERT_NE(trouble({good.begin(), good.begin() + bytes}), "") << bytes;
  }
}

}  // namespace
}  // namespace causeway
