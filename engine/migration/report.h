// What a migration tells afterwards: rounds, ledger, bytes. Filled by the
// source's session; written as JSON by tools/.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "engine/base/time.h"
#include "engine/codec/codec_frame.h"
#include "engine/migration/messages.h"

namespace causeway {

// The blackout, every moment of it attributed to one line. Lines that add to
// zero stay, so that a report always has the same shape.
class Ledger {
 public:
  void add(const std::string& line, Duration spent);
  Duration total() const;
  const std::vector<std::pair<std::string, Duration>>& lines() const {
    return lines_;
  }

 private:
  std::vector<std::pair<std::string, Duration>> lines_;  // in order of time
};

struct RoundReport {
  uint32_t round = 0;
  uint64_t blocks = 0;  // sent, zero blocks included
  uint64_t bytes = 0;   // blocks * kBlockBytes
  uint64_t wire_bytes = 0;
  Duration time{0};
  double dirty_bytes_s = 0;  // what the guest wrote meanwhile, counted once
  std::string decision;      // why pre-copy went on or stopped
  // Of a round that sent names instead of blocks: how many, and how many of
  // these blocks the target had.
  uint64_t asked_blocks = 0;
  uint64_t known_blocks = 0;
};

enum class MigrationMode { kPreCopy, kStopAndCopy };
const char* migration_mode_name(MigrationMode mode);

struct MigrationReport {
  std::string guest;
  MigrationMode mode = MigrationMode::kPreCopy;
  std::string path;
  uint32_t streams = 0;
  Duration total{0};     // from the command to the guest running at the target
  Duration blackout{0};  // the ledger's total
  Ledger ledger;
  std::vector<RoundReport> rounds;
  uint64_t state_bytes = 0;
  uint64_t wire_bytes = 0;
  std::array<uint64_t, kBlockMethods> blocks{};  // sent, by method
  std::string codec;                             // the last level, and why
  std::string dedup;        // whether the target was asked, and why
  double loss = 0;          // share of packets, until the guest stood still
  Duration first_block{0};  // from the command to the first put
  std::string proof;        // the level asked for
  bool verified = false;    // and it held
  Duration proof_time{0};   // after activation ("frozen")
  // Of a dry run alone: what one pass over all of the guest would take.
  bool dry_run = false;
  double first_round_s = 0;  // 0: not known
  Duration rtt{0};           // 0: not known
  uint64_t target_cpu_us = 0;
  uint64_t target_rss_bytes = 0;
};

}  // namespace causeway
