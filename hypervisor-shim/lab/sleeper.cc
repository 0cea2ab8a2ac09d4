#include "hypervisor-shim/lab/sleeper.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

namespace causeway::lab {

namespace {

void futex(std::atomic<uint32_t>& word, int operation, uint32_t value,
           const timespec* timeout) {
  static_assert(sizeof(word) == sizeof(uint32_t));
  ::syscall(SYS_futex, reinterpret_cast<uint32_t*>(&word),
            operation | FUTEX_PRIVATE_FLAG, value, timeout, nullptr, 0);
}

}  // namespace

void Sleeper::sleep(std::chrono::microseconds longest) {
  const auto us = longest.count();
  const timespec timeout{us / 1'000'000, us % 1'000'000 * 1000};
  asleep_.store(true, std::memory_order_seq_cst);
  if (woken_.load(std::memory_order_seq_cst) == 0) {
    futex(woken_, FUTEX_WAIT, 0, &timeout);
  }
  asleep_.store(false, std::memory_order_release);
  woken_.store(0, std::memory_order_seq_cst);
}

void Sleeper::wake() {
  if (woken_.exchange(1, std::memory_order_seq_cst) == 0) {
    futex(woken_, FUTEX_WAKE, 1, nullptr);
  }
}

}  // namespace causeway::lab
