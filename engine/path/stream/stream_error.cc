#include "engine/path/stream/stream_error.h"

#include <system_error>

namespace causeway {

Error stream_lost(const StreamIo& io, const std::string& peer) {
  if (io.refused) {
    return make_error(ErrorCode::kPermission,
                      "{} refused this host's certificate: {}.", peer,
                      io.reason);
  }
  return make_error(
      ErrorCode::kConnectionLost, "The connection to {} is lost: {}.", peer,
      io.reason != nullptr ? std::string(io.reason)
                           : std::generic_category().message(io.errno_value));
}

Error stream_closed(const std::string& peer) {
  return make_error(ErrorCode::kConnectionLost, "{} closed the connection.",
                    peer);
}

Error from_peer(Error error, const std::string& peer) {
  error.message = fmt::format("From {}: {}", peer, error.message);
  return error;
}

}  // namespace causeway
