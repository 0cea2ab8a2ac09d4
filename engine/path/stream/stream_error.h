// The sentences for a stream that ended, in one place.
#pragma once

#include <string>

#include "engine/base/result.h"
#include "engine/path/stream/byte_stream.h"

namespace causeway {

// kConnectionLost whatever the errno: a path has one way to break. Except that
// a refused certificate is kPermission.
Error stream_lost(const StreamIo& io, const std::string& peer);
Error stream_closed(const std::string& peer);

// A sentence about what the peer sent, with the peer's name before it.
Error from_peer(Error error, const std::string& peer);

}  // namespace causeway
