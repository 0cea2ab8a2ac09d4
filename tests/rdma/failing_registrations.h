// FailingRegistrations: while it lives, this process's device refuses some of
// the registrations of guest memory of one end: ibv_reg_mr, here in between,
// says what the kernel says when there is no room. One at a time.
#pragma once

#include <cstdint>

namespace causeway {

class FailingRegistrations {
 public:
  // Told apart by the access that each asks for.
  enum class End { kSource, kTarget };

  // From the `first` of that end on, 1 is the next, `count` of them.
  FailingRegistrations(End end, uint32_t first, uint32_t count);
  ~FailingRegistrations();
  FailingRegistrations(const FailingRegistrations&) = delete;
  FailingRegistrations& operator=(const FailingRegistrations&) = delete;

  uint32_t refused() const;
};

}  // namespace causeway
