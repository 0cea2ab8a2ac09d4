#include "hypervisor-shim/lab/guest_clock.h"

#include <time.h>
#include <x86intrin.h>

#include <algorithm>

#include "hypervisor-shim/lab/guest_abi.h"
#include "hypervisor-shim/lab/state_sections.h"

namespace causeway::lab {

namespace {

uint64_t clock_ns(clockid_t clock) {
  timespec now{};
  ::clock_gettime(clock, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 +
         static_cast<uint64_t>(now.tv_nsec);
}

// Long enough that the error of two samples is below 10 ppm of it.
constexpr uint64_t kCalibrationNs = 10'000'000;

// The tightest of ten brackets.
TscSample sample() {
  TscSample best{};
  uint64_t best_ticks = UINT64_MAX;
  for (int i = 0; i < 10; ++i) {
    const uint64_t before = __rdtsc();
    const uint64_t ns = clock_ns(CLOCK_MONOTONIC_RAW);
    const uint64_t ticks = __rdtsc() - before;
    if (ticks >= best_ticks) continue;
    best_ticks = ticks;
    best = {before + ticks / 2, ns};
  }
  return best;
}

uint64_t multiplier_since(const TscSample& first) {
  const uint64_t past = clock_ns(CLOCK_MONOTONIC_RAW) - first.ns;
  if (past < kCalibrationNs) {
    const timespec rest{0, static_cast<long>(kCalibrationNs - past)};
    ::nanosleep(&rest, nullptr);
  }
  const TscSample last = sample();
  const uint64_t ticks = std::max<uint64_t>(1, last.tsc - first.tsc);
  // 128 bits: a shell may have waited for its guest for long.
  return static_cast<uint64_t>(
      (static_cast<unsigned __int128>(last.ns - first.ns) << 32) / ticks);
}

}  // namespace

GuestClockDevice::GuestClockDevice(const GuestMemory& memory,
                                   DeviceWrites& writes)
    : memory_(memory), writes_(writes), began_(sample()) {}

void GuestClockDevice::boot() { write_page(0, 0); }

uint64_t GuestClockDevice::guest_ns() const {
  const uint64_t tsc = __rdtsc();
  const uint64_t ticks = tsc > tsc_base_ ? tsc - tsc_base_ : 0;
  return ns_base_ +
         static_cast<uint64_t>(
             (static_cast<unsigned __int128>(ticks) * multiplier_) >> 32);
}

void GuestClockDevice::write_page(uint64_t guest_ns, uint32_t epoch) {
  if (multiplier_ == 0) multiplier_ = multiplier_since(began_);
  tsc_base_ = __rdtsc();
  ns_base_ = guest_ns;
  epoch_ = epoch;
  auto* page = memory_.at<GuestClock>(GUEST_CLOCK_GPA);
  const uint32_t sequence = page->sequence & ~1u;
  __atomic_store_n(&page->sequence, sequence + 1, __ATOMIC_SEQ_CST);
  page->tsc_base = tsc_base_;
  page->multiplier = multiplier_;
  page->ns_base = ns_base_;
  page->epoch = epoch_;
  __atomic_store_n(&page->sequence, sequence + 2, __ATOMIC_SEQ_CST);
  writes_.wrote(kRamRegion, GUEST_CLOCK_GPA, sizeof(GuestClock));
}

void GuestClockDevice::save(StateWriter& out) const {
  out.add_struct(kSectionClock, 0,
                 Saved{guest_ns(), clock_ns(CLOCK_REALTIME), epoch_, 0});
}

Status GuestClockDevice::load(const StateReader& in) {
  Saved saved{};
  CAUSEWAY_TRY(in.read_struct(kSectionClock, 0, &saved));
  loaded_ = saved;
  return {};
}

void GuestClockDevice::resume() {
  if (!loaded_) return;
  const uint64_t now_ns = clock_ns(CLOCK_REALTIME);
  const uint64_t passed_ns =
      now_ns > loaded_->realtime_ns ? now_ns - loaded_->realtime_ns : 0;
  write_page(loaded_->guest_ns + passed_ns, loaded_->epoch + 1);
  loaded_.reset();
}

}  // namespace causeway::lab
