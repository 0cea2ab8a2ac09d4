// Blocks of the kinds that guests have, made from a seed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <random>
#include <span>
#include <string_view>
#include <vector>

#include "engine/guest/region.h"

namespace causeway {

using Random = std::mt19937_64;
using Block = std::vector<std::byte>;

inline Block zero_block() { return Block(kBlockBytes); }

inline Block random_block(Random& random) {
  Block block(kBlockBytes);
  for (size_t at = 0; at < kBlockBytes; at += sizeof(uint64_t)) {
    const uint64_t word = random();
    std::memcpy(block.data() + at, &word, sizeof word);
  }
  return block;
}

// Words of a small dictionary and now and then a number: deflates to about a
// third.
inline Block text_block(Random& random) {
  constexpr std::string_view kWords[] = {
      "the ",  "guest ", "moves ",    "from ", "source ", "to ",
      "host ", "a ",     "migration", "block", "\n",      "target, "};
  Block block;
  while (block.size() < kBlockBytes) {
    const uint64_t pick = random();
    const std::string number = std::to_string(pick >> 44);
    const std::string_view word = pick % 5 == 0
                                      ? std::string_view(number)
                                      : kWords[pick / 5 % std::size(kWords)];
    const auto bytes = std::as_bytes(std::span(word));
    block.insert(block.end(), bytes.begin(), bytes.end());
  }
  block.resize(kBlockBytes);
  return block;
}

// `words` of the block become others of the same kind of content.
inline void change_words(Block& block, size_t words, Random& random) {
  const Block other = text_block(random);
  for (size_t i = 0; i < words; ++i) {
    const size_t at = random() % (kBlockBytes / 8) * 8;
    const size_t from = random() % (kBlockBytes - 8);
    std::memcpy(block.data() + at, other.data() + from, 8);
  }
}

}  // namespace causeway
