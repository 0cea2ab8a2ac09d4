// CodecGovernor: says at what level the senders of one migration make frames,
// if at all, and holds what they have sent last. By itself it takes what the
// senders have counted to the policy (engine/policy/codec_choice.h); told a
// level, it keeps to that.
//
// The session looks; any sender asks.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "engine/base/time.h"
#include "engine/codec/sent_versions.h"
#include "engine/migration/sent_places.h"
#include "engine/policy/codec_choice.h"
#include "engine/policy/codec_options.h"

namespace causeway {

// What all senders did, since they began.
struct CodecTotals {
  uint32_t workers = 1;
  Duration busy{0};
  Duration blocked{0};
  uint64_t in_bytes = 0;   // of the guest, zero blocks left out
  uint64_t out_bytes = 0;  // what was posted for them
  uint64_t sampled_blocks = 0;
  uint64_t sampled_random = 0;
};

class CodecGovernor {
 public:
  // What was sent last: deltas of a hot set of 3,000 blocks. A mover may have
  // 64 MiB, and the wan path keeps half of that until the peer has it.
  static constexpr uint64_t kSentBytesMax = 12u << 20;

  // Where it was sent from: half a million blocks, 2 GiB of different content.
  static constexpr uint64_t kPlacesBytesMax = 8u << 20;

  explicit CodecGovernor(const CodecOptions& options);

  // Any thread. kNoDeflate: no frames, and raw puts in place.
  int level() const { return level_.load(std::memory_order_relaxed); }
  SentVersions& sent() { return sent_; }
  SentPlaces& places() { return places_; }
  // Encoded puts may be posted at all.
  bool may_encode() const { return options_.mode != CodecOptions::Mode::kNone; }

  // Once the target has said its word.
  bool encodes() const { return may_encode() && understood_; }

  // Session. The target's word, before the first block: it takes encoded puts.
  void peer_understands(bool encoded_puts);
  // A round begins: the time before it counts for nothing.
  void begin(Instant now, const CodecTotals& totals);
  void look(Instant now, const CodecTotals& totals);
  // What was chosen last, and why; for the report.
  std::string chosen() const;

 private:
  CodecOptions options_;
  CodecChooser chooser_;
  SentVersions sent_;
  SentPlaces places_;
  bool understood_ = true;
  std::atomic<int> level_;
  Instant since_;
  CodecTotals before_;
  std::string why_;
};

}  // namespace causeway
