// MappedWindow: the guest's memory a second time, at the address where the
// guest program expects it. The VMM's devices use the first mapping, so that
// the tracker sees the vCPUs' writes and nothing else.
#pragma once

#include <cstddef>
#include <span>
#include <utility>

#include "engine/base/result.h"
#include "hypervisor-shim/lab/guest_memory.h"

namespace causeway::process {

class MappedWindow {
 public:
  // At GUEST_VIRTUAL_BASE. One at a time in a process.
  static Result<MappedWindow> create(const lab::GuestMemory& memory);
  MappedWindow(MappedWindow&& other) noexcept
      : span_(std::exchange(other.span_, {})) {}
  MappedWindow& operator=(MappedWindow&&) = delete;
  ~MappedWindow();

  std::span<std::byte> span() const { return span_; }

 private:
  explicit MappedWindow(std::span<std::byte> span) : span_(span) {}
  std::span<std::byte> span_;
};

}  // namespace causeway::process
