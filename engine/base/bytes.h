// ByteWriter and ByteReader: little-endian integers and length-prefixed bytes,
// for every message that is not on the data path.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace causeway {

class ByteWriter {
 public:
  template <std::unsigned_integral T>
  void put(T value) {
    for (size_t i = 0; i < sizeof(T); ++i) {
      out_.push_back(static_cast<std::byte>(value >> (8 * i)));
    }
  }
  // u32 length, then the bytes.
  void put_bytes(std::span<const std::byte> bytes) {
    put(static_cast<uint32_t>(bytes.size()));
    out_.insert(out_.end(), bytes.begin(), bytes.end());
  }
  void put_string(std::string_view text) {
    put_bytes(std::as_bytes(std::span(text)));
  }
  std::vector<std::byte> take() { return std::move(out_); }

 private:
  std::vector<std::byte> out_;
};

// Reads bytes from outside. A read beyond the end, or a length above the
// caller's limit, gives zeros and makes ok() false for good: check once, at
// the end, with finished().
class ByteReader {
 public:
  explicit ByteReader(std::span<const std::byte> in) : in_(in) {}

  template <std::unsigned_integral T>
  T get() {
    const auto from = take(sizeof(T));
    T value = 0;
    for (size_t i = 0; i < from.size(); ++i) {
      value |= static_cast<T>(static_cast<T>(from[i]) << (8 * i));
    }
    return value;
  }
  std::span<const std::byte> get_bytes(size_t bytes_max) {
    const size_t bytes = get<uint32_t>();
    if (bytes > bytes_max) ok_ = false;
    return take(bytes);
  }
  std::string get_string(size_t bytes_max) {
    const auto bytes = get_bytes(bytes_max);
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }

  bool ok() const { return ok_; }
  bool finished() const { return ok_ && in_.empty(); }

 private:
  std::span<const std::byte> take(size_t bytes) {
    if (!ok_ || bytes > in_.size()) {
      ok_ = false;
      return {};
    }
    const auto taken = in_.first(bytes);
    in_ = in_.subspan(bytes);
    return taken;
  }

  std::span<const std::byte> in_;
  bool ok_ = true;
};

}  // namespace causeway
