// What came of moving bytes on a stream, and the sentences for one that ended,
// in one place.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "engine/base/result.h"

namespace causeway {

struct StreamIo {
  enum class State : uint8_t {
    kMoved,    // all of it, or as much as there was
    kBlocked,  // `bytes`, and poll() says when there is more to do
    kClosed,   // the peer has said all it had to say
    kBroken,
  };
  State state = State::kMoved;
  bool refused = false;  // the peer does not accept our certificate
  int errno_value = 0;   // of kBroken, 0 when it is TLS that failed
  size_t bytes = 0;
  const char* reason = nullptr;  // of TLS, for good
};

// kConnectionLost whatever the errno: a path has one way to break. Except that
// a refused certificate is kPermission.
Error stream_lost(const StreamIo& io, const std::string& peer);
Error stream_closed(const std::string& peer);

// A sentence about what the peer sent, with the peer's name before it.
Error from_peer(Error error, const std::string& peer);

}  // namespace causeway
