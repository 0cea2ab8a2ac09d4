#include "engine/base/stepper.h"

#include "engine/base/assert.h"

namespace causeway {

void WaitSet::add(int fd, short events) {
  if (fd < 0) return;
  CAUSEWAY_ASSERT(count_ < kFdsMax);
  entries_[count_++] = {fd, events};
}

}  // namespace causeway
