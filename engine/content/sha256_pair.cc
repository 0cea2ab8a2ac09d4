// Compiled for processors with SHA instructions (CMakeLists.txt): nothing of it
// runs elsewhere but has_sha256_pair().
#include "engine/content/sha256_pair.h"

#include <cpuid.h>
#include <immintrin.h>

#include <utility>

namespace causeway {
namespace {

// FIPS 180-4, 4.2.2.
alignas(16) constexpr uint32_t kRounds[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1,
    0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3,
    0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786,
    0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147,
    0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13,
    0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b,
    0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a,
    0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208,
    0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

// One message: its state, in the order that the instructions want (ABEF,
// CDGH), and the 16 words at hand.
struct Lane {
  __m128i abef;
  __m128i cdgh;
  __m128i words[4];
};

[[gnu::always_inline]] inline __m128i load(const void* from) {
  return _mm_loadu_si128(static_cast<const __m128i*>(from));
}

[[gnu::always_inline]] inline void load_state(Lane& lane,
                                              const Sha256State& state) {
  const __m128i cdab = _mm_shuffle_epi32(load(&state[0]), 0xb1);
  const __m128i efgh = _mm_shuffle_epi32(load(&state[4]), 0x1b);
  lane.abef = _mm_alignr_epi8(cdab, efgh, 8);
  lane.cdgh = _mm_blend_epi16(efgh, cdab, 0xf0);
}

[[gnu::always_inline]] inline void store_state(const Lane& lane,
                                               Sha256State& state) {
  const __m128i feba = _mm_shuffle_epi32(lane.abef, 0x1b);
  const __m128i dchg = _mm_shuffle_epi32(lane.cdgh, 0xb1);
  _mm_storeu_si128(reinterpret_cast<__m128i*>(&state[0]),
                   _mm_blend_epi16(feba, dchg, 0xf0));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(&state[4]),
                   _mm_alignr_epi8(dchg, feba, 8));
}

[[gnu::always_inline]] inline void load_words(Lane& lane,
                                              const std::byte* block) {
  const __m128i big_endian =
      _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
  for (int i = 0; i < 4; ++i) {
    lane.words[i] = _mm_shuffle_epi8(load(block + 16 * i), big_endian);
  }
}

// Four of the 64 rounds, and the four words that are wanted 16 rounds later.
template <size_t kGroup>
[[gnu::always_inline]] inline void four_rounds(Lane& lane) {
  __m128i& oldest = lane.words[kGroup % 4];
  const __m128i last = lane.words[(kGroup + 3) % 4];
  __m128i sum = _mm_add_epi32(oldest, load(&kRounds[4 * kGroup]));
  lane.cdgh = _mm_sha256rnds2_epu32(lane.cdgh, lane.abef, sum);
  sum = _mm_shuffle_epi32(sum, 0x0e);
  lane.abef = _mm_sha256rnds2_epu32(lane.abef, lane.cdgh, sum);
  if constexpr (kGroup < 12) {
    const __m128i seven_back =
        _mm_alignr_epi8(last, lane.words[(kGroup + 2) % 4], 4);
    const __m128i part =
        _mm_sha256msg1_epu32(oldest, lane.words[(kGroup + 1) % 4]);
    oldest = _mm_sha256msg2_epu32(_mm_add_epi32(part, seven_back), last);
  }
}

template <size_t... kGroups>
[[gnu::always_inline]] inline void all_rounds(
    Lane& first, Lane& second, std::index_sequence<kGroups...> /*groups*/) {
  ((four_rounds<kGroups>(first), four_rounds<kGroups>(second)), ...);
}

}  // namespace

bool has_sha256_pair() {
  unsigned a = 0;
  unsigned b = 0;
  unsigned c = 0;
  unsigned d = 0;
  constexpr unsigned kSha = 1u << 29;    // leaf 7, ebx
  constexpr unsigned kSsse3 = 1u << 9;   // leaf 1, ecx
  constexpr unsigned kSse41 = 1u << 19;  // leaf 1, ecx
  if (__get_cpuid_count(7, 0, &a, &b, &c, &d) == 0 || (b & kSha) == 0) {
    return false;
  }
  return __get_cpuid(1, &a, &b, &c, &d) != 0 && (c & kSsse3) != 0 &&
         (c & kSse41) != 0;
}

void sha256_pair(Sha256State& first_state, const std::byte* first,
                 Sha256State& second_state, const std::byte* second,
                 size_t blocks) {
  Lane a;
  Lane b;
  load_state(a, first_state);
  load_state(b, second_state);
  for (size_t i = 0; i < blocks; ++i) {
    const __m128i before[4] = {a.abef, a.cdgh, b.abef, b.cdgh};
    load_words(a, first + i * kSha256BlockBytes);
    load_words(b, second + i * kSha256BlockBytes);
    all_rounds(a, b, std::make_index_sequence<16>());
    a.abef = _mm_add_epi32(a.abef, before[0]);
    a.cdgh = _mm_add_epi32(a.cdgh, before[1]);
    b.abef = _mm_add_epi32(b.abef, before[2]);
    b.cdgh = _mm_add_epi32(b.cdgh, before[3]);
  }
  store_state(a, first_state);
  store_state(b, second_state);
}

}  // namespace causeway
