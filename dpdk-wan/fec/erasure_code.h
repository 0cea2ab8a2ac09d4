// ErasureCode: Reed-Solomon over GF(2^8) by ISA-L: the sources as they are,
// and repairs made of them by a Cauchy matrix, of which every square part can
// be inverted. So any `sources` of all symbols give the rest. One owner.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "dpdk-wan/fec/limits.h"

namespace causeway {

class ErasureCode {
 public:
  // Every symbol is `bytes` long.
  void encode(std::span<std::byte* const> sources,
              std::span<std::byte* const> repairs, size_t bytes);

  // One symbol that came.
  struct Came {
    uint8_t index = 0;  // in the group
    std::byte* bytes = nullptr;
  };
  // Makes the sources `missing` (their indices) from as many symbols as there
  // are sources, none twice. `out`: one place for each; at most kFecRepairsMax.
  void recover(std::span<const Came> came, std::span<const uint8_t> missing,
               std::span<std::byte* const> out, size_t bytes);

 private:
  static constexpr size_t kRow = kFecSourcesMax;

  std::array<uint8_t, kFecSymbolsMax * kRow> matrix_;
  std::array<uint8_t, kRow * kRow> picked_;
  std::array<uint8_t, kRow * kRow> inverse_;
  // ISA-L wants 32 bytes a factor.
  std::array<uint8_t, kFecRepairsMax * kRow * 32> tables_;
};

}  // namespace causeway
