// StateWriter, StateReader: the blob that carries vCPU and device state, as
// sections; each VMM defines its own.
//
//   u32 magic "CGST" | u32 format | u64 XXH3 of what follows
//   | u32 sections | { u32 kind, u32 index, u32 length, bytes } ...
//
// The reader takes bytes from another host: format, lengths and checksum are
// checked before a section is handed out; what is in one is its owner's to
// check.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "engine/base/result.h"

namespace causeway::lab {

inline constexpr uint32_t kStateFormat = 1;

class StateWriter {
 public:
  void add(uint32_t kind, uint32_t index, std::span<const std::byte> bytes);
  template <typename T>
  void add_struct(uint32_t kind, uint32_t index, const T& value) {
    add(kind, index, std::as_bytes(std::span(&value, 1)));
  }
  std::vector<std::byte> finish();

 private:
  struct Section {
    uint32_t kind;
    uint32_t index;
    std::vector<std::byte> bytes;
  };
  std::vector<Section> sections_;
};

// Views into the span it was made from.
class StateReader {
 public:
  static Result<StateReader> parse(std::span<const std::byte> blob);

  // kPeerBroken when there is no such section.
  Result<std::span<const std::byte>> find(uint32_t kind, uint32_t index) const;
  // The same, of exactly T's size.
  template <typename T>
  Status read_struct(uint32_t kind, uint32_t index, T* out) const {
    return read_exactly(kind, index, std::as_writable_bytes(std::span(out, 1)));
  }

 private:
  struct Section {
    uint32_t kind;
    uint32_t index;
    std::span<const std::byte> bytes;
  };
  Status read_exactly(uint32_t kind, uint32_t index,
                      std::span<std::byte> out) const;

  std::vector<Section> sections_;
};

}  // namespace causeway::lab
