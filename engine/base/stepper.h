// Stepper: anything that is driven. Protocol code does no waiting of its own:
// a thread of engine/runtime (or the simulator with virtual time) calls
// step(now) again and again and sleeps in between on what wait_on() names.
#pragma once

#include <array>
#include <cstddef>
#include <span>

#include "engine/base/time.h"

struct pollfd;

namespace causeway {

// The file descriptors a stepper sleeps on; bounded, allocates nothing.
class WaitSet {
 public:
  static constexpr size_t kFdsMax = 16;
  struct Entry {
    int fd = -1;
    short events = 0;  // POLLIN, POLLOUT
  };
  void add(int fd, short events);  // fd < 0 is ignored
  void clear() { count_ = 0; }
  std::span<const Entry> entries() const { return {entries_.data(), count_}; }

 private:
  std::array<Entry, kFdsMax> entries_;
  size_t count_ = 0;
};

class Stepper {
 public:
  virtual ~Stepper() = default;

  // Does a bounded piece of work, never blocks on the network. Returns when
  // it wants to be called again if nothing happens before: `now` = at once,
  // kNever = only when an fd of wait_on() is ready.
  virtual Instant step(Instant now) = 0;

  virtual void wait_on(WaitSet& set) const = 0;

  // No more steps needed; the driver stops calling.
  virtual bool done() const = 0;
};

}  // namespace causeway
