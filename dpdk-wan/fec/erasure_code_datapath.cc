#include <isa-l/erasure_code.h>

#include <cstring>

#include "dpdk-wan/fec/erasure_code.h"
#include "engine/base/assert.h"

namespace causeway {
namespace {

uint8_t* octets(std::byte* bytes) { return reinterpret_cast<uint8_t*>(bytes); }

// ISA-L has no const; what is read is not written.
template <size_t kMost>
std::array<uint8_t*, kMost> pointers(std::span<std::byte* const> symbols) {
  std::array<uint8_t*, kMost> list{};
  for (size_t i = 0; i < symbols.size(); ++i) list[i] = octets(symbols[i]);
  return list;
}

}  // namespace

void ErasureCode::encode(std::span<std::byte* const> sources,
                         std::span<std::byte* const> repairs, size_t bytes) {
  CAUSEWAY_ASSERT(sources.size() <= kFecSourcesMax && !sources.empty());
  CAUSEWAY_ASSERT(repairs.size() <= kFecRepairsMax);
  if (repairs.empty()) return;
  const auto k = static_cast<int>(sources.size());
  const auto m = static_cast<int>(repairs.size());
  gf_gen_cauchy1_matrix(matrix_.data(), k + m, k);
  ec_init_tables(k, m, matrix_.data() + k * k, tables_.data());
  auto from = pointers<kFecSourcesMax>(sources);
  auto into = pointers<kFecRepairsMax>(repairs);
  ec_encode_data(static_cast<int>(bytes), k, m, tables_.data(), from.data(),
                 into.data());
}

// The rows of the symbols that came, inverted, say how each source follows
// from them; those of the missing ones are used.
void ErasureCode::recover(std::span<const Came> came,
                          std::span<const uint8_t> missing,
                          std::span<std::byte* const> out, size_t bytes) {
  const size_t k = came.size();
  CAUSEWAY_ASSERT(k > 0 && k <= kFecSourcesMax);
  CAUSEWAY_ASSERT(missing.size() == out.size());
  CAUSEWAY_ASSERT(missing.size() <= kFecRepairsMax);
  gf_gen_cauchy1_matrix(matrix_.data(), static_cast<int>(kFecSymbolsMax),
                        static_cast<int>(k));
  std::array<uint8_t*, kFecSourcesMax> from{};
  for (size_t i = 0; i < k; ++i) {
    CAUSEWAY_ASSERT(came[i].index < k + kFecRepairsMax);
    std::memcpy(&picked_[i * k], &matrix_[came[i].index * k], k);
    from[i] = octets(came[i].bytes);
  }
  const int inverted =
      gf_invert_matrix(picked_.data(), inverse_.data(), static_cast<int>(k));
  CAUSEWAY_ASSERT(inverted == 0);
  for (size_t i = 0; i < missing.size(); ++i) {
    std::memcpy(&picked_[i * k], &inverse_[missing[i] * k], k);
  }
  const auto rows = static_cast<int>(missing.size());
  ec_init_tables(static_cast<int>(k), rows, picked_.data(), tables_.data());
  auto into = pointers<kFecSourcesMax>(out);
  ec_encode_data(static_cast<int>(bytes), static_cast<int>(k), rows,
                 tables_.data(), from.data(), into.data());
}

}  // namespace causeway
