// Little-endian integers in bytes that are there already: for formats whose
// fields have their places, on the data path too. Messages that grow are
// written with bytes.h.
#pragma once

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstring>

namespace causeway {

static_assert(std::endian::native == std::endian::little,
              "integers are copied as they are in memory");

// Of sizeof(T) bytes, at any alignment; that they are there is the caller's to
// know. T is named where it is not the type of what is stored: it is the width
// of the field.
template <std::unsigned_integral T>
void store_le(std::byte* at, T value) {
  std::memcpy(at, &value, sizeof value);
}

template <std::unsigned_integral T>
T load_le(const std::byte* at) {
  T value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

}  // namespace causeway
