// Bitmap and BitmapView: one bit a block, in 64-bit words that may be shared
// between processes (the owed bitmaps live in a memfd). Bits are read and
// written with relaxed atomics word by word: any number of writers may set and
// clear different bits of one word at once. Bits at and beyond size() are 0.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

namespace causeway {

// A run of equal bits: [first, first + count).
struct BitRun {
  uint64_t first = 0;
  uint64_t count = 0;
  uint64_t end() const { return first + count; }
  bool operator==(const BitRun&) const = default;
};

// Not an owner; as cheap to copy as a span.
class BitmapView {
 public:
  BitmapView() = default;
  BitmapView(uint64_t* words, uint64_t bits) : words_(words), bits_(bits) {}

  uint64_t size() const { return bits_; }
  uint64_t* words() const { return words_; }
  uint64_t word_count() const { return word_count_for(bits_); }
  static constexpr uint64_t word_count_for(uint64_t bits) {
    return (bits + 63) / 64;
  }

  bool test(uint64_t bit) const;
  void set(uint64_t bit) const;
  void clear(uint64_t bit) const;
  void set_range(uint64_t first, uint64_t count) const;
  void clear_range(uint64_t first, uint64_t count) const;

  // Set bits in [first, first + count).
  uint64_t count(uint64_t first, uint64_t count) const;
  uint64_t count() const { return count(0, bits_); }

  // The first run of set bits within [from, end), cut to at most `longest`.
  std::optional<BitRun> next_run(uint64_t from, uint64_t end,
                                 uint64_t longest = UINT64_MAX) const;

  // this |= other. Sizes agree.
  void or_with(BitmapView other) const;

  // this |= other; other = 0, word by word, losing no concurrent set.
  void absorb(BitmapView other) const;

 private:
  uint64_t* words_ = nullptr;
  uint64_t bits_ = 0;
};

// A view with its own zeroed memory.
class Bitmap {
 public:
  Bitmap() = default;
  explicit Bitmap(uint64_t bits);
  BitmapView view() const { return BitmapView(words_.get(), bits_); }
  uint64_t size() const { return bits_; }

 private:
  struct Free {
    void operator()(uint64_t* words) const;
  };
  // calloc'd, so that the zero pages of a huge, sparse bitmap cost nothing.
  std::unique_ptr<uint64_t[], Free> words_;
  uint64_t bits_ = 0;
};

}  // namespace causeway
