#include "engine/base/bitmap.h"

#include <atomic>
#include <bit>
#include <cstdlib>

#include "engine/base/assert.h"

namespace causeway {
namespace {

using Word = std::atomic_ref<uint64_t>;
constexpr auto kRelaxed = std::memory_order_relaxed;

uint64_t load(const uint64_t* words, uint64_t index) {
  return Word(const_cast<uint64_t&>(words[index])).load(kRelaxed);
}

// Bits [from, to) of one word, 0 <= from < to <= 64.
constexpr uint64_t mask(uint64_t from, uint64_t to) {
  const uint64_t below_to = to == 64 ? ~0ull : (1ull << to) - 1;
  return below_to & ~((1ull << from) - 1);
}

// Calls fn(word index, mask) for every word that [first, first+count) touches.
template <typename Fn>
void for_each_word(uint64_t first, uint64_t count, Fn fn) {
  const uint64_t end = first + count;
  for (uint64_t bit = first; bit < end;) {
    const uint64_t index = bit / 64;
    const uint64_t word_end = (index + 1) * 64;
    const uint64_t stop = word_end < end ? word_end : end;
    fn(index, mask(bit % 64, stop - index * 64));
    bit = stop;
  }
}

// The first word >= index that is not `skipped`, to eight words. Written out,
// since GCC unrolls no loop of atomics: so a quiet bitmap is read at the speed
// of memory.
uint64_t skip_words(const uint64_t* words, uint64_t index, uint64_t end,
                    uint64_t skipped) {
  for (; index + 8 <= end; index += 8) {
    const auto differs = [&](uint64_t i) {
      return load(words, index + i) ^ skipped;
    };
    const uint64_t low = differs(0) | differs(1) | differs(2) | differs(3);
    const uint64_t high = differs(4) | differs(5) | differs(6) | differs(7);
    if ((low | high) != 0) break;
  }
  return index;
}

// The first bit >= from whose value is `wanted`, or end.
uint64_t find(const uint64_t* words, uint64_t from, uint64_t end, bool wanted) {
  uint64_t bit = from;
  while (bit < end) {
    uint64_t word = load(words, bit / 64);
    if (!wanted) word = ~word;
    word &= ~0ull << (bit % 64);
    if (word != 0) {
      const uint64_t found = bit / 64 * 64 + std::countr_zero(word);
      return found < end ? found : end;
    }
    bit = 64 * skip_words(words, bit / 64 + 1, end / 64, wanted ? 0 : ~0ull);
  }
  return end;
}

}  // namespace

bool BitmapView::test(uint64_t bit) const {
  CAUSEWAY_ASSERT(bit < bits_);
  return (load(words_, bit / 64) >> (bit % 64) & 1) != 0;
}

void BitmapView::set(uint64_t bit) const { set_range(bit, 1); }
void BitmapView::clear(uint64_t bit) const { clear_range(bit, 1); }

void BitmapView::set_range(uint64_t first, uint64_t count) const {
  CAUSEWAY_ASSERT(first <= bits_ && count <= bits_ - first);
  for_each_word(first, count, [this](uint64_t index, uint64_t bits) {
    Word(words_[index]).fetch_or(bits, kRelaxed);
  });
}

void BitmapView::clear_range(uint64_t first, uint64_t count) const {
  CAUSEWAY_ASSERT(first <= bits_ && count <= bits_ - first);
  for_each_word(first, count, [this](uint64_t index, uint64_t bits) {
    Word(words_[index]).fetch_and(~bits, kRelaxed);
  });
}

uint64_t BitmapView::count(uint64_t first, uint64_t count) const {
  CAUSEWAY_ASSERT(first <= bits_ && count <= bits_ - first);
  uint64_t total = 0;
  for_each_word(first, count, [&](uint64_t index, uint64_t bits) {
    total += std::popcount(load(words_, index) & bits);
  });
  return total;
}

std::optional<BitRun> BitmapView::next_run(uint64_t from, uint64_t end,
                                           uint64_t longest) const {
  CAUSEWAY_ASSERT(end <= bits_);
  const uint64_t first = find(words_, from, end, true);
  if (first >= end) return std::nullopt;
  const uint64_t limit = longest < end - first ? first + longest : end;
  return BitRun{first, find(words_, first, limit, false) - first};
}

void BitmapView::or_with(BitmapView other) const {
  CAUSEWAY_ASSERT(other.bits_ == bits_);
  for (uint64_t i = 0; i < word_count(); ++i) {
    const uint64_t word = load(other.words_, i);
    if (word != 0) Word(words_[i]).fetch_or(word, kRelaxed);
  }
}

void BitmapView::absorb(BitmapView other) const {
  CAUSEWAY_ASSERT(other.bits_ == bits_);
  for (uint64_t i = 0; i < word_count(); ++i) {
    if (load(other.words_, i) == 0) continue;
    const uint64_t word = Word(other.words_[i]).exchange(0, kRelaxed);
    Word(words_[i]).fetch_or(word, kRelaxed);
  }
}

void Bitmap::Free::operator()(uint64_t* words) const { std::free(words); }

Bitmap::Bitmap(uint64_t bits) : bits_(bits) {
  const uint64_t words = BitmapView::word_count_for(bits);
  words_.reset(static_cast<uint64_t*>(
      std::calloc(words == 0 ? 1 : words, sizeof(uint64_t))));
  CAUSEWAY_ASSERT(words_ != nullptr);
}

}  // namespace causeway
