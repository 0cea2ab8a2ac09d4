#include "tools/wan-emulator/emulator.h"

#include <algorithm>
#include <ctime>
#include <utility>

#include "engine/runtime/clock.h"
#include "tools/wan-emulator/limits.h"

namespace causeway {
namespace {

// Between two looks at busy ports. Each wake-up costs some 10 us; shorter
// than this the loop would do little else.
constexpr Duration kRest = std::chrono::microseconds(20);

// A frame may wait in the ring for a quarter of its delay, within bounds: the
// ring must not fill, and a link without delay must not be late by much.
constexpr Duration kLookMin = std::chrono::microseconds(50);
constexpr Duration kLookMax = std::chrono::milliseconds(1);

constexpr size_t kFdsMax = kDirections + kControlClientsMax + 4;

Duration wall_clock() {
  timespec now = {};
  ::clock_gettime(CLOCK_REALTIME, &now);
  return std::chrono::seconds(now.tv_sec) +
         std::chrono::nanoseconds(now.tv_nsec);
}

timespec to_timespec(Duration duration) {
  const auto ns = std::max(duration, Duration::zero()).count();
  return {ns / 1'000'000'000, ns % 1'000'000'000};
}

}  // namespace

Result<std::unique_ptr<Emulator>> Emulator::create(
    const EmulatorOptions& options) {
  if (options.interfaces[0] == options.interfaces[1]) {
    return make_error(ErrorCode::kInvalidArgument,
                      "a link has two ends; {} is named twice",
                      options.interfaces[0]);
  }
  CAUSEWAY_ASSIGN(PacketPort a, PacketPort::open(options.interfaces[0]));
  CAUSEWAY_ASSIGN(PacketPort b, PacketPort::open(options.interfaces[1]));
  std::unique_ptr<Emulator> emulator(
      new Emulator(options, {std::move(a), std::move(b)}));
  CAUSEWAY_TRY(emulator->make_directions());
  return emulator;
}

Emulator::Emulator(const EmulatorOptions& options,
                   std::array<PacketPort, 2> ports)
    : options_(options), began_(monotonic_now()), ports_(std::move(ports)) {}

Status Emulator::make_directions() {
  for (size_t i = 0; i < kDirections; ++i) {
    // Each its own chances.
    CAUSEWAY_ASSIGN(Direction made,
                    Direction::create(&ports_[i], &ports_[1 - i],
                                      {options_.memory_bytes, options_.seed + i,
                                       options_.late_limit}));
    directions_.push_back(std::move(made));
  }
  set(options_.links);
  return {};
}

Duration Emulator::elapsed() const { return monotonic_now() - began_; }

void Emulator::set(const LinkPair& links) {
  links_ = links;
  const Instant now = monotonic_now();
  for (size_t i = 0; i < kDirections; ++i) directions_[i].set(now, links[i]);
}

bool Emulator::deliver_due() {
  bool full = false;
  for (Direction& direction : directions_) {
    const Instant now = monotonic_now();
    if (direction.next_arrival() > now) continue;
    const size_t taken = direction.deliver(now);
    if (taken > 0) direction.note_delivered(now, monotonic_now());
    full |= taken == kSendBurst;
  }
  return full;
}

void Emulator::step() {
  bool more = true;
  while (more) {
    more = false;
    for (Direction& direction : directions_) {
      const Instant now = monotonic_now();
      const Duration wall_offset = wall_clock() - now.time_since_epoch();
      more |= direction.receive(now, wall_offset) == kReceiveBurst;
    }
    more |= deliver_due();
  }
}

Instant Emulator::next_look(Instant now) const {
  Instant next = kNever;
  for (size_t i = 0; i < kDirections; ++i) {
    next = std::min(next, directions_[i].next_arrival());
    const Duration look = std::clamp((links_[i].delay - links_[i].jitter) / 4,
                                     kLookMin, kLookMax);
    next = std::min(next, now + look);
  }
  return std::max(next, now + kRest);
}

void Emulator::wait(std::span<pollfd> others, Instant until) {
  CAUSEWAY_ASSERT(others.size() + kDirections <= kFdsMax);
  std::array<pollfd, kFdsMax> fds;
  std::copy(others.begin(), others.end(), fds.begin());
  size_t count = others.size();
  const Instant now = monotonic_now();
  const bool idle = std::all_of(
      directions_.begin(), directions_.end(),
      [](const Direction& each) { return each.link().frames() == 0; });
  if (idle) {
    for (const PacketPort& port : ports_) fds[count++] = {port.fd(), POLLIN, 0};
  } else {
    until = std::min(until, next_look(now));
  }
  const timespec timeout =
      to_timespec(until == kNever ? Duration::zero() : until - now);
  const int ready =
      ::ppoll(fds.data(), count, until == kNever ? nullptr : &timeout, nullptr);
  if (ready <= 0) return;
  std::copy_n(fds.begin(), others.size(), others.begin());
}

}  // namespace causeway
