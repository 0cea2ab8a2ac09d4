// What the ends of an RDMA connection say to each other, beside the WRITEs.
// Little-endian; a message is one SEND, an answer too.
//
//   source -> target: a message
//   0       4         6   8        16
//   +-------+---------+---+--------+------------------ - -
//   | magic | records | 0 | number | records, 48 bytes each
//   +-------+---------+---+--------+------------------ - -
//   a record
//   0      1      4                8
//   +------+------+----------------+--------------------------------------+
//   | kind |  0   | staging offset | frame head (engine/path/stream), or: |
//   +------+------+----------------+--------------------------------------+
//                                  | region, 0 | blocks | first | 0 ...   |
//                                  +-----------+--------+-------+---------+
//   in place: the put's blocks lie where they belong, written before
//   staged:   the put's payload lies in the target's ring, written before
//   plain:    a put without payload, or a fence
//   want:     register that extent for me;  drop: give it back
//
//   target -> source: an answer, to all messages up to `taken`
//   0       4      6   8       16
//   +-------+------+---+-------+------------------ - -
//   | magic | keys | 0 | taken | keys, 32 bytes each
//   +-------+------+---+-------+------------------ - -
//   a key:  region u16, state u16, blocks u32, first u64, address u64,
//           key u32, 0 u32; state: 0 refused, 1 registered, 2 a hole
//
// `taken`: everything that messages 1 to `taken` speak of has landed. A want is
// answered with the message it came in. Who pulls (rdma/pull) says and hears
// the same, wants and drops alone. Pure functions; decoding treats every byte
// as hostile.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "engine/base/result.h"
#include "engine/guest/region.h"
#include "engine/path/stream/frame.h"
#include "rdma/limits.h"

namespace causeway {

enum class RecordKind : uint8_t {
  kInPlace = 1,
  kStaged = 2,
  kPlain = 3,
  kWant = 4,
  kDrop = 5,
};

struct RdmaRecord {
  RecordKind kind = RecordKind::kPlain;
  uint32_t staging_offset = 0;  // kStaged
  Frame frame;                  // kInPlace, kStaged: a put; kPlain: either
  BlockRange extent;            // kWant, kDrop
};

// A registration of an extent. Not registered: it could not (what belongs there
// is staged), or need not, a hole: who lends memory to be read says so.
struct RdmaKey {
  BlockRange extent;
  bool registered = false;
  uint64_t address = 0;  // of the extent's first byte, over there
  uint32_t key = 0;
  bool hole = false;
};

inline constexpr size_t kRdmaMessageHeadBytes = 16;
inline constexpr size_t kRdmaRecordBytes = 8 + kFrameHeadBytes;
inline constexpr size_t kRdmaRecordsMax =
    (kRdmaMessageBytes - kRdmaMessageHeadBytes) / kRdmaRecordBytes;
inline constexpr size_t kRdmaAnswerHeadBytes = 16;
inline constexpr size_t kRdmaKeyBytes = 32;
inline constexpr size_t kRdmaKeysMax =
    (kRdmaMessageBytes - kRdmaAnswerHeadBytes) / kRdmaKeyBytes;
static_assert(kRdmaKeysMax >= kRdmaRecordsMax,
              "an answer holds the keys of any message");

// Writes into a buffer of kRdmaMessageBytes, which outlives the writer.
class RdmaMessageWriter {
 public:
  RdmaMessageWriter() = default;
  RdmaMessageWriter(std::span<std::byte> buffer, uint64_t number);

  bool full() const { return records_ == kRdmaRecordsMax; }
  size_t records() const { return records_; }
  // Not full.
  void add(const RdmaRecord& record);
  // The bytes to send.
  uint32_t finish();

 private:
  std::span<std::byte> buffer_;
  size_t records_ = 0;
};

class RdmaMessageReader {
 public:
  // kPeerBroken unless the head fits the bytes.
  static Result<RdmaMessageReader> open(std::span<const std::byte> message);

  uint64_t number() const { return number_; }
  size_t left() const { return left_; }
  // left() > 0.
  Result<RdmaRecord> next();

 private:
  std::span<const std::byte> rest_;
  uint64_t number_ = 0;
  size_t left_ = 0;
};

class RdmaAnswerWriter {
 public:
  RdmaAnswerWriter() = default;
  explicit RdmaAnswerWriter(std::span<std::byte> buffer) : buffer_(buffer) {}

  size_t keys() const { return keys_; }
  void add(const RdmaKey& key);  // keys() < kRdmaKeysMax
  // The bytes to send.
  uint32_t finish(uint64_t taken);

 private:
  std::span<std::byte> buffer_;
  size_t keys_ = 0;
};

class RdmaAnswerReader {
 public:
  static Result<RdmaAnswerReader> open(std::span<const std::byte> answer);

  uint64_t taken() const { return taken_; }
  size_t left() const { return left_; }
  Result<RdmaKey> next();  // left() > 0

 private:
  std::span<const std::byte> rest_;
  uint64_t taken_ = 0;
  size_t left_ = 0;
};

}  // namespace causeway
