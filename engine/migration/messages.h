// The messages that the sessions of a migration exchange over the path's
// control channel. Little-endian; u8 type, then the fields in order; strings
// and byte strings with a u32 length. decode() takes bytes from outside.
//
//   source                                target
//     Hello      ------------------------>          stage 1, reservation
//                <------------------------  Ready
//     (puts of round k, fence k)  ======>           stage 2, pre-copy
//     RoundEnd k ------------------------>          disks are synced,
//                <------------------------  Missing... so the last sync is
//                <------------------------  Synced k   short
//     ...
//     (last puts, last fence)     ======>           stage 3, stop-and-copy
//     Final      ------------------------>          state
//                <------------------------  Prepared   roots: proof of content
//     Commit     ------------------------>          stage 4: point of no return
//                <------------------------  Running    stage 5, activation
//
// Abort, either way, at any time before Commit: the guest stays at the source.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "engine/base/result.h"
#include "engine/base/time.h"
#include "engine/content/content_cutter.h"
#include "engine/content/content_identity.h"
#include "engine/guest/region.h"
#include "engine/path/put.h"

namespace causeway {

inline constexpr uint32_t kSessionProtocolVersion = 5;

// Kinds of puts, a bit each, that an end understands. What the target does not
// name in Ready the source does not send.
inline constexpr uint32_t put_kind_bit(PutKind kind) {
  return 1u << static_cast<uint32_t>(kind);
}
inline constexpr uint32_t kPutKindsKnown = put_kind_bit(PutKind::kRaw) |
                                           put_kind_bit(PutKind::kZero) |
                                           put_kind_bit(PutKind::kEncoded);

// Of one message Missing: a bitmap of 64 KiB, 2 GiB of the guest.
inline constexpr uint32_t kMissingBlocksMax = 1u << 19;

// How sure the ends make themselves that the content arrived (design, 6a).
enum class ProofLevel : uint8_t { kLanded = 1, kFrozen = 2, kStrict = 3 };
const char* proof_level_name(ProofLevel level);

struct HelloMessage {
  std::string migration;
  std::string guest;
  ProofLevel proof = ProofLevel::kFrozen;
  uint64_t digest_key = 0;
  uint32_t streams = 1;
  uint32_t put_kinds = kPutKindsKnown;  // that may come
  std::vector<RegionInfo> regions;
};
// The target has content that references may name, so many blocks of it as far
// as it knows, by names under this key; and by which cuts, a bit each.
struct ContentOffer {
  ContentKey key{};
  uint64_t blocks = 0;
  uint8_t cuts = cut_bit(ContentCut::kBlocks);
  bool operator==(const ContentOffer&) const = default;
};
struct ReadyMessage {
  uint32_t put_kinds = kPutKindsKnown;  // that may be sent
  std::optional<ContentOffer> content;  // nothing: no references, please
};
struct RoundEndMessage {
  uint32_t round = 0;
  FenceId fence = 0;
};
// Before Synced: blocks that came as references and were not found. Bit i of
// the bitmap, in its byte i / 8 from the lowest bit on, is block first + i; no
// bitmap: all of them.
struct MissingMessage {
  RegionId region = 0;
  uint64_t first = 0;
  uint32_t blocks = 0;  // 1 to kMissingBlocksMax
  std::vector<std::byte> bitmap;
};
struct SyncedMessage {
  uint32_t round = 0;
  std::string trouble;  // why references are not looked for any more, or ""
};
struct FinalMessage {
  FenceId fence = 0;  // of the last puts
  std::vector<std::byte> state;
};
// What the target did between Final and Prepared, on its own clock: lines of
// the ledger that the source cannot measure.
struct PreparedMessage {
  std::vector<uint64_t> roots;  // of the digest tables, a region each
  Duration last_blocks{0};
  Duration proof{0};
  Duration state_load{0};
  Duration disk_sync{0};
  Duration journal{0};  // the record PREPARED
};
struct CommitMessage {};
// On the target's own clock.
struct RunningMessage {
  Duration waited{0};  // from Prepared's departure to Commit's arrival
  // From Commit's arrival on:
  Duration journal{0};         // until RUNNING was recorded
  Duration resume{0};          // from there until the first vCPU went on
  Duration answered{0};        // until this was sent; the guest runs meanwhile
  uint64_t engine_cpu_us = 0;  // of the target's mover
  uint64_t engine_rss_bytes = 0;
};
struct AbortMessage {
  ErrorCode code = ErrorCode::kInternal;
  std::string why;
};

using Message =
    std::variant<HelloMessage, ReadyMessage, RoundEndMessage, SyncedMessage,
                 FinalMessage, PreparedMessage, CommitMessage, RunningMessage,
                 AbortMessage, MissingMessage>;

std::vector<std::byte> encode_message(const Message& message);
Result<Message> decode_message(std::span<const std::byte> bytes);

}  // namespace causeway
