// Emulator: two ports, a link in each direction between them, and the loop
// that moves the frames.
//
// It sleeps when no frame is under way. While some are, it wakes by the times
// of the links, not by each frame that comes: a frame has waited in the ring
// for less than its link's delay when it is looked at, and the kernel's stamp
// says when it came.
//
// One thread: whoever calls step() and wait().
#pragma once

#include <poll.h>

#include <array>
#include <memory>
#include <span>
#include <string>

#include "engine/base/result.h"
#include "engine/base/time.h"
#include "tools/wan-emulator/change.h"
#include "tools/wan-emulator/direction.h"
#include "tools/wan-emulator/packet_port.h"

namespace causeway {

struct EmulatorOptions {
  std::array<std::string, kDirections> interfaces;  // a, b
  LinkPair links;
  uint64_t memory_bytes = kFrameMemoryBytesDefault;  // each direction
  uint64_t seed = 1;
  Duration late_limit = kLateLimitDefault;
};

class Emulator {
 public:
  static Result<std::unique_ptr<Emulator>> create(
      const EmulatorOptions& options);

  // Since create().
  Duration elapsed() const;
  const LinkPair& links() const { return links_; }
  void set(const LinkPair& links);

  // Moves what is to be moved now.
  void step();

  // Sleeps until step() has something to do, one of `others` is ready (their
  // revents are set) or `until` has come.
  void wait(std::span<pollfd> others, Instant until);

  Direction& direction(int number) { return directions_[number]; }
  const PacketPort& port(int number) const { return ports_[number]; }
  const EmulatorOptions& options() const { return options_; }

 private:
  Emulator(const EmulatorOptions& options, std::array<PacketPort, 2> ports);
  Status make_directions();
  bool deliver_due();
  Instant next_look(Instant now) const;

  EmulatorOptions options_;
  LinkPair links_;
  Instant began_;
  std::array<PacketPort, kDirections> ports_;
  std::vector<Direction> directions_;
};

}  // namespace causeway
