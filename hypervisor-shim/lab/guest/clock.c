#include "hypervisor-shim/lab/guest/program.h"

static uint64_t read_tsc(void) {
  uint32_t low, high;
  __asm__ volatile("lfence; rdtsc" : "=a"(low), "=d"(high) : : "memory");
  return ((uint64_t)high << 32) | low;
}

uint64_t clock_ns(uint32_t* epoch) {
  const volatile GuestClock* clock = at_gpa(GUEST_CLOCK_GPA);
  for (;;) {
    const uint32_t before = __atomic_load_n(&clock->sequence, __ATOMIC_ACQUIRE);
    const uint64_t tsc = read_tsc();
    const uint64_t base = clock->tsc_base;
    const uint64_t ticks = tsc > base ? tsc - base : 0;
    const uint64_t ns =
        clock->ns_base +
        (uint64_t)(((unsigned __int128)ticks * clock->multiplier) >> 32);
    *epoch = clock->epoch;
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    if (!(before & 1) && before == clock->sequence) return ns;
  }
}
