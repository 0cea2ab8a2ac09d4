// Asking: the source's side of references. Which rounds of a migration ask the
// target for blocks by their names instead of sending them, what of a round's
// blocks the target misses, and what may therefore be acknowledged.
//
//   offered() -> next() -> a round of that kind -> missing()... -> landed()
//        -> next() ...                         until next() says kSend
//
// First by the names of whole blocks, then, of what is still owed, by those of
// the pieces that the target's index has (content_cutter.h): the blocks of a
// sample, and all of them if that pays.
//
// Belongs to the session.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "engine/content/piece_namer.h"
#include "engine/guest/dirty_log.h"
#include "engine/migration/missing_blocks.h"
#include "engine/policy/dedup_choice.h"

namespace causeway {

// What a round does with the blocks that are not zero.
enum class RoundKind : uint8_t { kSend, kAskSample, kAskAll };

class Asking {
 public:
  // Groups of a sample, spread over the guest, and blocks of a group: 32 MiB,
  // hashed in some 30 ms, and enough to tell 2 % from nothing.
  static constexpr uint64_t kSampleGroups = 128;
  static constexpr uint64_t kSampleGroupBlocks = 64;

  Asking(DedupMode mode, GuestImage& image) : mode_(mode), image_(image) {}

  // The target's word. Nothing to offer, or `able` false: no round asks.
  void offered(const std::optional<ContentOffer>& offer, bool able);

  // Of the next round; `seen` is filled with what only the session knows
  // (ask_bytes_s, link_bytes_s, rtt).
  RoundKind next(DedupObservation seen);
  RoundKind kind() const { return kind_; }
  // Of a round that asks; else nullptr.
  const Naming* naming() const {
    return kind_ == RoundKind::kSend ? nullptr : &namings_[at_];
  }
  const char* what() const;  // that is named in such a round: "blocks"
  // What a round of this kind goes over, of what is owed.
  std::vector<BitmapView> blocks(const std::vector<BitmapView>& owed);

  // Of any round before the last. kPeerBroken: see mark_missing().
  Status missing(const MissingMessage& message);
  // The round has landed, and `asked` blocks of it were named. Acknowledges
  // what the target has now; the source's digests of what it misses are
  // forgotten: they speak of no content that it has, as a delta's base must.
  void landed(DirtyLog& log, Version version, uint64_t asked);

  uint64_t asked_blocks() const { return asked_; }  // in the last such round
  uint64_t known_blocks() const { return known_; }
  // By one of the methods that name content.
  uint64_t known_blocks_total(BlockMethod method) const {
    return known_total_[static_cast<size_t>(method)];
  }
  const std::string& why() const { return why_; }

 private:
  void end_cut();
  void say_why(const std::string& why);
  void make_sample(const std::vector<BitmapView>& owed);
  uint64_t missing_blocks() const;
  void acknowledge(DirtyLog& log, Version version, RegionId region);
  void acknowledge(DirtyLog& log, Version version, RegionId region,
                   const BitRun& landed);

  const DedupMode mode_;
  GuestImage& image_;
  std::optional<ContentOffer> offer_;
  std::vector<Naming> namings_;  // that are asked by, in this order
  size_t at_ = 0;                // of them; at the end no round asks any more
  RoundKind kind_ = RoundKind::kSend;
  bool sampled_ = false;
  std::vector<Bitmap> sample_;   // a region each; empty: none was made
  std::vector<Bitmap> missing_;  // of the round; empty: never anything
  uint64_t asked_ = 0;
  uint64_t known_ = 0;
  std::array<uint64_t, kBlockMethods> known_total_{};
  std::string why_;
  std::string why_before_;  // of the cuts that have ended
};

}  // namespace causeway
