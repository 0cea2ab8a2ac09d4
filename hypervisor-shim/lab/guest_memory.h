// GuestMemory: the guest's RAM, a sealed memfd that VMM and mover both map.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "engine/base/assert.h"
#include "engine/base/result.h"
#include "engine/base/unique_fd.h"

namespace causeway::lab {

class GuestMemory {
 public:
  // All holes. `address` 0: mapped wherever there is room; else exactly there.
  // kNoSpace: the host is short of memory or of free huge pages.
  static Result<GuestMemory> create(const std::string& guest_name,
                                    uint64_t bytes, uint32_t page_bytes,
                                    uint64_t address = 0);
  GuestMemory(GuestMemory&& other) noexcept;
  GuestMemory& operator=(GuestMemory&&) = delete;
  ~GuestMemory();

  std::byte* data() const { return data_; }
  uint64_t bytes() const { return bytes_; }
  uint32_t page_bytes() const { return page_bytes_; }
  int fd() const { return fd_.get(); }

  // The guest may write there at any time: read with care.
  template <typename T>
  T* at(uint64_t gpa) const {
    CAUSEWAY_ASSERT(gpa <= bytes_ && sizeof(T) <= bytes_ - gpa);
    return reinterpret_cast<T*>(data_ + gpa);
  }

 private:
  GuestMemory(UniqueFd fd, std::byte* data, uint64_t bytes, uint32_t page_bytes)
      : fd_(std::move(fd)),
        data_(data),
        bytes_(bytes),
        page_bytes_(page_bytes) {}

  UniqueFd fd_;
  std::byte* data_;
  uint64_t bytes_;
  uint32_t page_bytes_;
};

}  // namespace causeway::lab
