// Notifier: wakes another thread that sleeps on fd() (an eventfd).
#pragma once

#include "engine/base/unique_fd.h"

namespace causeway {

class Notifier {
 public:
  Notifier();
  void notify() const;  // any thread
  void drain() const;   // the sleeper, before it looks at what was left for it
  int fd() const { return fd_.get(); }

 private:
  UniqueFd fd_;
};

}  // namespace causeway
