#include "engine/control/connect_time.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <chrono>

#include "engine/base/unique_fd.h"
#include "engine/control/limits.h"
#include "engine/path/socket_address.h"

namespace causeway {
namespace {

Status connect(int fd, const SocketAddress& to) {
  if (::connect(fd, to.get(), to.bytes) == 0) return {};
  if (errno != EINPROGRESS) return errno_error(errno, "Connecting");
  pollfd wait{fd, POLLOUT, 0};
  if (::poll(&wait, 1, kConnectTimeoutMs) != 1) {
    return make_error(ErrorCode::kTimeout, "No answer from {}.", to.text());
  }
  int error = 0;
  socklen_t bytes = sizeof(error);
  ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &bytes);
  if (error == 0) return {};
  return errno_error(error, "Connecting to " + to.text());
}

Result<Duration> connect_time_to(const SocketAddress& to) {
  Duration least = Duration::max();
  for (int i = 0; i < 3; ++i) {
    const UniqueFd fd(::socket(to.get()->sa_family,
                               SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!fd) return errno_error(errno, "Making a socket");
    const auto start = std::chrono::steady_clock::now();
    CAUSEWAY_TRY(connect(fd.get(), to));
    least = std::min<Duration>(least, std::chrono::steady_clock::now() - start);
  }
  return least;
}

}  // namespace

// A name may have addresses on which nothing listens ("localhost" is ::1 too).
Result<Duration> connect_time(const std::string& address) {
  CAUSEWAY_ASSIGN(const auto candidates, resolve_address(address, false));
  Result<Duration> took = Error{};
  for (const SocketAddress& candidate : candidates) {
    took = connect_time_to(candidate);
    if (took) break;
  }
  return took;
}

}  // namespace causeway
