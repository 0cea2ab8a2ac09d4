// PutSink: where a path's receiving end hands over what arrived. Implemented
// by the target's placement (engine/migration), one sink a worker.
//
// Called by the one thread that drives the receiver, in the order of the
// channel (of a striped one in any order, each put once): begin(head), the
// receiver stores head.payload_bytes at the place it was given, then end(head).
// Heads come from outside: begin() checks region, range and length before
// anything is stored; an Error ends the connection. The data path: no
// allocation, no log in either.
#pragma once

#include <cstddef>
#include <span>

#include "engine/base/result.h"
#include "engine/path/put.h"

namespace causeway {

class PutSink {
 public:
  virtual ~PutSink() = default;

  // Where the payload goes: guest RAM in place, or a scratch buffer of the
  // sink. Exactly head.payload_bytes long (empty for kZero).
  virtual Result<std::span<std::byte>> begin(const PutHead& head) = 0;

  // The payload is complete at that place: it counts as landed on return.
  virtual Status end(const PutHead& head) = 0;

  // Instead of both: the blocks of a raw put lie in their region already, a
  // device has written them there. Checks the head as begin() does.
  virtual Status written(const PutHead& head) = 0;
};

}  // namespace causeway
