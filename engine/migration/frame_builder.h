// FrameBuilder: one sender's encoded puts. Gathers blocks of one region and
// version, from several ranges if they are small, digests the copies that the
// encoder made of them, and writes the frame where it stays until the channel
// releases it. Belongs to the worker that drives the sender.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "engine/codec/frame_encoder.h"
#include "engine/content/piece_namer.h"
#include "engine/migration/codec_governor.h"
#include "engine/migration/image.h"
#include "engine/path/put.h"

namespace causeway {

// What blocks must have in common to be in one frame.
struct FrameKind {
  RegionId region = 0;
  Version version = 0;
  // Names instead of all blocks that are not zero; it outlives the frame.
  // nullptr: the blocks themselves.
  const Naming* ask = nullptr;
  // The target may find that it lacks something and have it in a later round;
  // not so in the last one.
  bool may_miss = false;
  bool operator==(const FrameKind&) const = default;
};

class FrameBuilder {
 public:
  // Frames that the channel may hold at once.
  static constexpr size_t kSlots = 4;

  // Both outlive the builder. The memory is touched by the worker that uses it.
  FrameBuilder(GuestImage& image, CodecGovernor& codec);

  // Some blocks wait for a frame to be finished.
  bool open() const { return blocks_ > 0; }
  uint32_t room() const { return kFrameBlocksMax - blocks_; }
  // Blocks of this region and version may join the open frame, if any is.
  bool takes(const FrameKind& kind) const { return !open() || kind == kind_; }

  // A place for a frame, given that so many puts are released. False: all are
  // with the channel. To be asked before take().
  bool find_slot(uint64_t puts_released);
  // Room for reading room() blocks, until finish().
  std::span<std::byte> scratch();

  // How many of the blocks joined: fewer than all means that the frame is full.
  uint32_t take(const FrameKind& kind, uint64_t first,
                std::span<const std::byte> live);

  // Ends the frame: its puts, at most kFrameBlocksMax of them: one encoded, or
  // raw ones. `puts_before` were or will be posted before these.
  std::span<const Put> finish(uint64_t puts_before);
  // Of the last frame.
  const FrameTally& tally() const { return encoder_.tally(); }

 private:
  // Names every block and says that the target knows it.
  class Namer final : public KnownContent {
   public:
    explicit Namer(ContentIdentity identity) : identity_(std::move(identity)) {}
    bool known(RegionId region, uint64_t block, const std::byte* bytes,
               ContentDigest& digest) override;

   private:
    ContentIdentity identity_;
  };

  FrameOrder order();
  Namer& namer();
  PieceNamer& piece_namer();
  ContentIdentity identity() const;
  void digest();
  std::span<const Put> raw_puts(std::span<std::byte> slot);

  GuestImage& image_;
  CodecGovernor& codec_;
  FrameEncoder encoder_;
  std::unique_ptr<std::byte[]> slots_;
  std::array<uint64_t, kSlots> busy_until_{};  // put sequence
  std::optional<size_t> slot_;
  uint32_t blocks_ = 0;
  FrameKind kind_;
  // From the first frame that asks so on.
  std::optional<Namer> namer_;
  std::optional<PieceNamer> piece_namer_;
  EarlierBlocks earlier_;
  std::array<uint64_t, kFrameBlocksMax> digests_{};
  std::array<uint64_t, kFrameBlocksMax> digests_before_{};
  std::array<Put, kFrameBlocksMax> puts_;
};

}  // namespace causeway
