#include "engine/base/notifier.h"

#include <sys/eventfd.h>

#include <cstdint>

#include "engine/base/assert.h"

namespace causeway {

Notifier::Notifier() : fd_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  CAUSEWAY_ASSERT(fd_);
}

void Notifier::notify() const {
  const uint64_t one = 1;
  // EAGAIN means that the counter is full: the sleeper wakes all the same.
  [[maybe_unused]] const auto written = ::write(fd_.get(), &one, sizeof one);
}

void Notifier::drain() const {
  uint64_t count = 0;
  [[maybe_unused]] const auto got = ::read(fd_.get(), &count, sizeof count);
}

}  // namespace causeway
