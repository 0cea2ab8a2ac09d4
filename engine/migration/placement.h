// Placement: one worker of the target. Takes the puts of one bulk receiver,
// checks them, decodes what is encoded, stores it all, and notes the digest of
// what it reads back from where it landed.
//
// What arrives in an older version than what landed before is dropped: stripes
// and paths overtake each other. At the start every region of the target is
// zero (a fresh memfd, a fresh file), and every block's version is 0.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "engine/codec/frame_decoder.h"
#include "engine/migration/image.h"
#include "engine/migration/reference_desk.h"
#include "engine/path/put_sink.h"

namespace causeway {

// The version of each block of an image: shared by the workers of a target.
// Two bytes a block, not four: with the digest's eight this is the whole of
// the mover's memory for a block (kVersionMax bounds the collects of a run).
class VersionTable {
 public:
  static constexpr Version kVersionMax = UINT16_MAX;

  explicit VersionTable(const GuestImage& image);
  uint16_t* of(RegionId region) { return tables_[region].get(); }

 private:
  struct Free {
    void operator()(uint16_t* memory) const;
  };
  std::vector<std::unique_ptr<uint16_t[], Free>> tables_;
};

class Placement final : public PutSink, private FrameTarget {
 public:
  static constexpr size_t kScratchBytes = 2 * (256u << 10);

  // All outlive the placement. `scratch`: kScratchBytes on the worker's node.
  // `worker`: whose finder of the desk this is.
  Placement(GuestImage& image, VersionTable& versions, ReferenceDesk& desk,
            std::span<std::byte> scratch, uint32_t worker);

  Result<std::span<std::byte>> begin(const PutHead& head) override;
  Status end(const PutHead& head) override;
  Status written(const PutHead& head) override;

  uint64_t landed_blocks() const { return landed_blocks_; }

 private:
  Status check(const PutHead& head) const;
  bool any_newer(const PutHead& head);
  Status end_zero(const PutHead& head);
  Status end_raw(const PutHead& head);
  Status end_encoded(const PutHead& head);
  Status store_newer(const PutHead& head, std::span<const std::byte> bytes);
  Status note(const PutHead& head);

  // Of the frame in a put's payload.
  const std::byte* base(uint64_t block, uint64_t digest) override;
  void look_up(std::span<const ContentDigest> names) override;
  const std::byte* content(uint64_t block,
                           const ContentDigest& digest) override;
  bool piece(const ContentPiece& piece, std::span<std::byte> out) override;
  const std::byte* copy(const BlockCopy& from) override;
  Status zero(uint64_t first, uint32_t blocks) override;
  Status place(uint64_t first, std::span<const std::byte> bytes) override;
  Status missing(uint64_t block, BlockMethod method) override;

  GuestImage& image_;
  VersionTable& versions_;
  ReferenceDesk& desk_;
  ContentFinder* const finder_;  // nullptr: there is no index
  size_t next_name_ = 0;
  FrameDecoder decoder_;
  PutHead encoded_;                 // whose frame is being decoded
  std::span<std::byte> arriving_;   // half of scratch: a put on its way in
  std::span<std::byte> read_back_;  // the other half
  std::span<std::byte> place_;      // of the put between begin() and end()
  std::array<std::byte, kBlockBytes> copied_;
  uint64_t landed_blocks_ = 0;
};

}  // namespace causeway
