// Limits of forward error correction, each with its reason.
#pragma once

#include <cstddef>
#include <cstdint>

namespace causeway {

// Source symbols of a group: 64 of a datagram each are 7 ms at 100 Mbit/s,
// which is what its repair comes behind; more would save little repair.
inline constexpr size_t kFecSourcesMax = 64;
// Repair symbols of a group: at 8 % loss 64 sources need 16; above, groups
// get smaller (repair_share.h).
inline constexpr size_t kFecRepairsMax = 16;
inline constexpr size_t kFecSymbolsMax = kFecSourcesMax + kFecRepairsMax;

// A symbol's payload: one datagram of an ordinary Ethernet, less all heads.
// Jumbo datagrams carry no more: a lost symbol should cost little.
inline constexpr size_t kFecSymbolBytesMax = 1400;
// Below, heads would outweigh what they carry. The last source of a group
// may be shorter.
inline constexpr size_t kFecSymbolBytesMin = 16;

// Groups of which not every byte has landed, at either end. 256 of 64 symbols
// are 22 MB: 1 Gbit/s at 180 ms. The receiver keeps repair symbols for all of
// them: 6 MB of addresses, memory only where one was really kept.
inline constexpr size_t kFecGroupsOpenMax = 256;

// Symbols on their way over the stream. Each is one that was lost.
inline constexpr size_t kFecResentMax = 1024;

// GF(2^8) has no more rows (isa-l/erasure_code.h).
static_assert(kFecSymbolsMax <= 255);
static_assert(kFecSymbolBytesMin < kFecSymbolBytesMax);
// A symbol's number in its group fits a byte (symbol.h).
static_assert(kFecSymbolsMax <= UINT8_MAX);

}  // namespace causeway
