// Codec choice: at what level frames are deflated, if at all, so that guest
// bytes move as fast as link and workers together can move them.
//
// A level's rate is thought to be the least of three: what the workers can
// encode and send, what the target's can take apart, and what the link carries
// of the result. The chooser learns the first and the last from what it sees,
// begins with priors measured once (codec_choice.cc), and now and then tries
// for one interval what may be better: a link that is not full says only that
// it is at least so fast. What a level lately did beats what it is thought to:
// where both ends share processors, none of the three is the limit. Pure: no
// clock, no I/O; a recorded trace replays to the same decisions. One owner, one
// thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

#include "engine/base/time.h"

namespace causeway {

// As engine/codec/deflate.h has them.
inline constexpr std::array<int, 4> kCodecLevels = {-1, 0, 1, 3};
inline constexpr int kCodecLevelNone = -1;
inline constexpr int kCodecLevelMax = 3;

// What the workers of one migration did since the last decision, zero blocks
// left out. Long enough that it is more than noise (kCodecIntervalMin).
struct CodecInterval {
  int level = kCodecLevelNone;  // that ran
  uint32_t workers = 1;
  Duration time{0};     // by the clock
  Duration busy{0};     // of all workers: reading, encoding, sending
  Duration blocked{0};  // of all workers: had something to send and could not
  uint64_t in_bytes = 0;
  uint64_t wire_bytes = 0;  // what they became
  double random_share = 0;  // of the blocks, by a sample: not worth deflating
};

struct CodecDecision {
  int level = kCodecLevelNone;
  // Against what was sent before: costs a copy of each block, and only pays
  // where the link is what everybody waits for, or blocks are deflated anyway.
  bool deltas = false;
  std::string why;
};

// Below this, a decision would be about one frame, or about which thread a
// scheduler let run.
inline constexpr uint64_t kCodecIntervalBytesMin = 1u << 20;
inline constexpr Duration kCodecIntervalMin = std::chrono::milliseconds(10);

class CodecChooser {
 public:
  CodecChooser();

  // Begins with none: it costs nothing where the link is fast, and fills the
  // link, so that its rate is known, where it is not.
  CodecDecision decide(const CodecInterval& seen);

 private:
  static constexpr size_t kChoices = kCodecLevels.size();

  // What is known of a level, against its prior.
  struct Figures {
    double cost = 1;  // of encoding, as a multiple
    double gain = 1;  // ratio - 1, as a multiple
    bool tried = false;
  };
  // What it lately did, a mean of the last times.
  struct Done {
    double bytes_s = 0;
    uint32_t interval = 0;
    int otherwise = 0;  // how often in a row: faster > 0, slower < 0
  };
  struct Estimate {
    double out = 1;            // wire bytes a guest byte
    double bytes_s = 0;        // least of source, target, link as known
    double hoped_bytes_s = 0;  // with a link that is as fast as it may be
  };

  void remember(size_t ran, const CodecInterval& seen,
                std::array<Estimate, kChoices>& estimates);
  void note_done(Done& done, const CodecInterval& seen);
  void learn(size_t ran, const CodecInterval& seen);
  void learn_link(size_t ran, const CodecInterval& seen);
  Estimate estimate(size_t choice, const CodecInterval& seen) const;
  double encode_s_byte(size_t choice) const;
  double ratio(size_t choice) const;
  size_t best(const std::array<Estimate, kChoices>& estimates,
              bool hoped) const;
  size_t next_choice(const std::array<Estimate, kChoices>& estimates,
                     size_t ran, const CodecInterval& seen);
  bool may_try(const std::array<Estimate, kChoices>& estimates,
               size_t hope) const;

  std::array<Figures, kChoices> figures_;
  std::array<Done, kChoices> done_;
  uint32_t interval_ = 0;
  double content_cost_ = 1;  // of this content, against the priors'
  double content_gain_ = 1;
  double send_s_byte_;       // of a wire byte, one worker
  double link_bytes_s_ = 0;  // 0: not known
  bool link_full_ = false;   // in the last interval: the rate is the link's own
  size_t current_ = 0;
  size_t ran_before_ = kChoices;
  bool settled_ = false;  // not the first interval of what ran
  bool trying_ = false;   // the last decision was a try
  double rate_before_try_ = 0;
  double lost_s_ = 0;   // by tries, less what they may lose since then
  uint32_t quiet_ = 0;  // intervals since the last try
};

}  // namespace causeway
