// What is done to sockets at set-up: options, waiting with a deadline. Used
// only while a path opens, by the one thread that opens it.
#pragma once

#include <poll.h>

#include <cstddef>
#include <span>
#include <string>

#include "engine/base/result.h"
#include "engine/base/time.h"
#include "engine/base/unique_fd.h"
#include "engine/path/tcp/tcp_stream.h"

namespace causeway {

// A moment in the future as an fd (timerfd): the path has no clock.
class Deadline {
 public:
  explicit Deadline(Duration after);
  int fd() const { return fd_.get(); }
  bool passed() const;

 private:
  UniqueFd fd_;
};

// Non-blocking, close-on-exec TCP socket of a family.
Result<UniqueFd> new_tcp_socket(int family);

// TCP_NODELAY (heads and fences must not wait for more), keep-alive and
// TCP_USER_TIMEOUT (a peer that vanished is noticed, idle or not).
Status set_stream_options(int fd);

// Where the host's default is BBR: CUBIC (RFC 9438) on a path shorter than
// kTcpShortPathRtt. BBR paces by timers, which cost a third of the goodput
// where the processors are the limit, and it takes a receiver that is busy
// placing for a slow link (README.md). Any other default of the operator's
// stands. Two steps, since Linux goes on pacing a connection that began with
// BBR: CUBIC before connect(), and BBR again after it if the path is long.
void choose_congestion_control(int fd);
void settle_congestion_control(int fd);

// Returns false when the deadline passed first.
bool wait_ready(int fd, short events, const Deadline& deadline);

// Whole or an Error.
Status send_whole(TcpStream& stream, std::span<const std::byte> bytes,
                  const Deadline& deadline);
Status receive_whole(TcpStream& stream, std::span<std::byte> bytes,
                     const Deadline& deadline);

}  // namespace causeway
