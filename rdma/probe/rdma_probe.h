// What an RDMA connection gives, measured as perftest does: one end of a probe.
//
//   source: registers  ->  READs  ->  WRITEs  ->  as many WRITEs as go
//           new memory     4 KiB, one at a time   64 KiB, 1 MiB a message
//   target: a ring that the source may read and write; takes the messages
//
// The ends meet as those of a path do (rdma_handshake.h), so a probe sees what
// a move would see: the same addresses, the same rights, the same limits.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "engine/base/result.h"
#include "engine/base/stepper.h"
#include "engine/path/stream/hello.h"
#include "rdma/rdma_options.h"

namespace causeway {

struct RdmaProbeFigures {
  // Of the means of eight, one after the other: the middle one and the least.
  struct Latency {
    Duration median{0};
    Duration least{0};
  };
  Latency read;   // 4 KiB, from the target's memory; this end polls
  Latency write;  // 4 KiB and a message, until the other device has both
  double bytes_s = 0;
  uint64_t bytes = 0;
  Duration time{0};
  // Memory that nobody has touched yet is filled and pinned so fast here.
  double registration_bytes_s = 0;
  uint64_t port_bits_s = 0;  // the port's rate; 0: not known
  uint32_t mtu_bytes = 0;    // of the port, active
  uint32_t mtu_bytes_max = 0;
};

// A thread's driver steps it. done() with no trouble(): it has all figures.
class RdmaProbeSource : public Stepper {
 public:
  // Sends for `time`, or `bytes_max` if that ends first. `options`: of a path
  // with one worker, without stores. Errors as RdmaConnector::connect().
  static Result<std::unique_ptr<RdmaProbeSource>> connect(
      std::string_view address, const PathToken& token,
      const RdmaOptions& options, Duration time, uint64_t bytes_max);

  virtual RdmaProbeFigures figures() const = 0;
  // Whether it sends as much as goes: the time in which to look at processors.
  virtual bool flows() const = 0;
  virtual void cancel() = 0;
  virtual const Error* trouble() const = 0;
};

}  // namespace causeway
