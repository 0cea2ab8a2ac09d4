// for_each_at_once: work on many guests, each of which may keep its thread
// waiting: a VMM of a busy host takes its time to answer, and one that hangs
// lasts until its time is up. A hundred of them must not add up.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <thread>
#include <vector>

#include "tools/agent/limits.h"

namespace causeway {

// Calls `work(i)` for each i below `count`, from several threads; returns when
// all have been done.
template <typename Work>
void for_each_at_once(size_t count, const Work& work) {
  std::atomic<size_t> next{0};
  std::vector<std::jthread> threads;
  for (size_t i = 0; i < std::min(count, kGuestsAtOnceMax); ++i) {
    threads.emplace_back([&] {
      for (size_t at = next++; at < count; at = next++) work(at);
    });
  }
}

}  // namespace causeway
