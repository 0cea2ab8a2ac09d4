#include "engine/path/tcp/tcp_socket.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/timerfd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string>

#include "engine/path/tcp/limits.h"
#include "engine/path/tcp/tcp_stats.h"

namespace causeway {
namespace {

Status set_option(int fd, int level, int name, int value, const char* what) {
  if (::setsockopt(fd, level, name, &value, sizeof value) != 0) {
    return errno_error(errno, what);
  }
  return {};
}

// "" when the kernel does not say.
std::string congestion_control(int fd) {
  std::array<char, 16> name{};  // TCP_CA_NAME_MAX
  socklen_t bytes = name.size() - 1;
  if (::getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name.data(), &bytes) != 0) {
    return {};
  }
  return name.data();
}

void set_congestion_control(int fd, const std::string& name) {
  ::setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name.data(), name.size());
}

Error timed_out(const std::string& peer) {
  return make_error(ErrorCode::kTimeout,
                    "{} did not answer in time while the path opened.", peer);
}

}  // namespace

Deadline::Deadline(Duration after)
    : fd_(::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC)) {
  CAUSEWAY_ASSERT(fd_);
  // 0 would disarm the timer.
  const int64_t ns = std::max<int64_t>(after.count(), 1);
  itimerspec spec{};
  spec.it_value.tv_sec = ns / 1'000'000'000;
  spec.it_value.tv_nsec = ns % 1'000'000'000;
  const int status = ::timerfd_settime(fd_.get(), 0, &spec, nullptr);
  CAUSEWAY_ASSERT(status == 0);
}

bool Deadline::passed() const {
  pollfd waiting{fd_.get(), POLLIN, 0};
  return ::poll(&waiting, 1, 0) == 1;
}

Result<UniqueFd> new_tcp_socket(int family) {
  UniqueFd fd(::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
                       IPPROTO_TCP));
  if (!fd) return errno_error(errno, "A TCP socket cannot be made");
  return fd;
}

Status set_stream_options(int fd) {
  const auto silence_ms = static_cast<int>(milliseconds(kTcpSilenceMax));
  const int silence_s = silence_ms / 1000;
  CAUSEWAY_TRY(set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1, "TCP_NODELAY"));
  CAUSEWAY_TRY(set_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, silence_ms,
                          "TCP_USER_TIMEOUT"));
  CAUSEWAY_TRY(set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1, "SO_KEEPALIVE"));
  CAUSEWAY_TRY(
      set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, silence_s / 2, "TCP_KEEPIDLE"));
  return set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, silence_s / 4,
                    "TCP_KEEPINTVL");
}

void choose_congestion_control(int fd) {
  if (!congestion_control(fd).starts_with("bbr")) return;
  // Refused where the operator allows no other
  // (tcp_allowed_congestion_control): slower, and no trouble.
  set_congestion_control(fd, "cubic");
}

void settle_congestion_control(int fd) {
  if (tcp_stats(fd).rtt < kTcpShortPathRtt) return;
  const UniqueFd other(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const std::string usual = congestion_control(other.get());
  if (!usual.empty() && usual != congestion_control(fd)) {
    set_congestion_control(fd, usual);
  }
}

bool wait_ready(int fd, short events, const Deadline& deadline) {
  std::array<pollfd, 2> waiting{{{fd, events, 0}, {deadline.fd(), POLLIN, 0}}};
  while (::poll(waiting.data(), waiting.size(), -1) < 0) {
    CAUSEWAY_ASSERT(errno == EINTR);
  }
  return waiting[0].revents != 0;
}

Status send_whole(TcpStream& stream, std::span<const std::byte> bytes,
                  const Deadline& deadline) {
  while (!bytes.empty()) {
    const StreamIo io = stream.send(bytes);
    if (io.state == StreamIo::State::kBroken) {
      return stream_lost(io, stream.peer());
    }
    bytes = bytes.subspan(io.bytes);
    if (io.state == StreamIo::State::kBlocked &&
        !wait_ready(stream.fd(), POLLOUT, deadline)) {
      return timed_out(stream.peer());
    }
  }
  return {};
}

Status receive_whole(TcpStream& stream, std::span<std::byte> bytes,
                     const Deadline& deadline) {
  while (!bytes.empty()) {
    const StreamIo io = stream.receive(bytes);
    if (io.state == StreamIo::State::kBroken) {
      return stream_lost(io, stream.peer());
    }
    if (io.state == StreamIo::State::kClosed) {
      return stream_closed(stream.peer());
    }
    bytes = bytes.subspan(io.bytes);
    if (io.state == StreamIo::State::kBlocked && !bytes.empty() &&
        !wait_ready(stream.fd(), POLLIN, deadline)) {
      return timed_out(stream.peer());
    }
  }
  return {};
}

}  // namespace causeway
