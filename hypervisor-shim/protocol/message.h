// The messages of the shim protocol: what a mover asks of a VMM.
//
// A UNIX SOCK_SEQPACKET socket, one message a packet, all numbers little
// endian. Version 1. The VMM speaks first: hello, or refused. Then each
// request has exactly one answer, in order; died may come between.
//
//    0        4         6      8          12
//   +--------+---------+------+----------+---------------------+
//   | "CWSH" | version | type | sequence | payload             |
//   +--------+---------+------+----------+---------------------+
//     u32      u16       u16    u32        to the packet's end
//
//   from the VMM    payload                              descriptors
//   hello           vcpus u32, name, hypervisor,         a region each,
//                   tracker, region count u32,           then the owed
//                   regions, features blob               memfd
//   refused, error  code name, sentence                  -
//   died            sentence                             -
//   ok              of pause, resume: moment u64         -
//                   of dirty-collect: version u32        -
//                   of save-state:    bytes u64          a sealed memfd
//                   of all others:    nothing            -
//
//   from the mover
//   pause, resume, commit, save-state, dirty-start, dirty-collect, dirty-stop
//                   nothing                              -
//   load-state      bytes u64                            a memfd
//   check-features  features blob                        -
//   dirty-rearm     region u32, first u64, count u64     -
//
//   region:  kind u32, page_bytes u32, bytes u64, name
//   name, sentence, blob:  length u32, then the bytes
//   moment:  nanoseconds of CLOCK_MONOTONIC, the same in all processes of a
//            host: when the last vCPU had stopped, the first one went on
//
// Every decoder treats its bytes as hostile: an Error (kPeerBroken) names what
// is wrong with them. Fuzzed by tests/fuzz/shim_message_fuzz.cc.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "engine/base/result.h"
#include "engine/base/time.h"
#include "engine/guest/region.h"

namespace causeway::shim {

inline constexpr uint32_t kMagic = 0x48535743;  // "CWSH"
inline constexpr uint16_t kProtocolVersion = 1;

enum class MessageType : uint16_t {
  kPause = 1,
  kResume = 2,
  kCommit = 3,
  kSaveState = 4,
  kLoadState = 5,
  kCheckFeatures = 6,
  kDirtyStart = 7,
  kDirtyCollect = 8,
  kDirtyRearm = 9,
  kDirtyStop = 10,

  kHello = 64,
  kRefused = 65,
  kDied = 66,
  kOk = 67,
  kError = 68,
};

// "dirty-collect": for sentences.
const char* message_type_name(MessageType type);

struct Header {
  MessageType type = MessageType::kOk;
  uint32_t sequence = 0;  // of the request; its answer repeats it
};

// A whole packet. `payload` points into the packet.
struct Message {
  Header header;
  std::span<const std::byte> payload;
};

using Packet = std::vector<std::byte>;

// An Error of kIncompatible when the peer speaks another version.
Result<Message> decode_message(std::span<const std::byte> packet);

Packet encode_empty(Header header);
Status decode_empty(std::span<const std::byte> payload);

// `spec` within the limits of engine/base/limits.h (asserted).
Packet encode_hello(const GuestSpec& spec);
Result<GuestSpec> decode_hello(std::span<const std::byte> payload);

// kRefused and kError. A longer sentence is cut at kSentenceBytesMax.
Packet encode_error(Header header, const Error& error);
// What the peer said; kPeerBroken when that cannot be read.
Error decode_error(std::span<const std::byte> payload);

// kDied. Cut likewise.
Packet encode_died(const std::string& why);
Result<std::string> decode_died(std::span<const std::byte> payload);

// Any moment at all is well-formed; whether it can be is the receiver's to say.
Packet encode_moment(Header header, Instant moment);
Result<Instant> decode_moment(std::span<const std::byte> payload);

Packet encode_version(Header header, Version version);
Result<Version> decode_version(std::span<const std::byte> payload);

// The size of the blob in the memfd that goes along: at most kStateBytesMax.
Packet encode_blob_bytes(Header header, uint64_t bytes);
Result<uint64_t> decode_blob_bytes(std::span<const std::byte> payload);

Packet encode_features(Header header, std::span<const std::byte> features);
Result<std::vector<std::byte>> decode_features(
    std::span<const std::byte> payload);

// Whether the region exists, and holds the range, is the receiver's to check.
Packet encode_range(Header header, const BlockRange& range);
Result<BlockRange> decode_range(std::span<const std::byte> payload);

}  // namespace causeway::shim
