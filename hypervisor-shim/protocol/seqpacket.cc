#include "hypervisor-shim/protocol/seqpacket.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "hypervisor-shim/protocol/limits.h"

namespace causeway::shim {
namespace {

using std::chrono::milliseconds;
using Deadline = std::chrono::steady_clock::time_point;

constexpr int kBacklog = 8;
constexpr size_t kControlBytes = CMSG_SPACE(kShimFdsMax * sizeof(int));

Result<sockaddr_un> address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof(address.sun_path)) {
    return make_error(ErrorCode::kInvalidArgument,
                      "shim socket {}: a socket's path has 1 to {} bytes; use "
                      "a shorter state directory",
                      path, sizeof(address.sun_path) - 1);
  }
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  return address;
}

Result<UniqueFd> make_socket() {
  UniqueFd fd(
      ::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return errno_error(errno, "shim socket");
  return fd;
}

Status connect_socket(int fd, const sockaddr_un& address) {
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&address),
                sizeof(address)) == 0) {
    return {};
  }
  const int failure = errno;
  if (failure == EAGAIN) {
    return make_error(ErrorCode::kTimeout,
                      "shim socket {}: the VMM does not take connections; it "
                      "hangs",
                      address.sun_path);
  }
  if (failure == ENOENT || failure == ECONNREFUSED) {
    return make_error(ErrorCode::kUnreachable,
                      "shim socket {}: {}; does the guest's VMM run?",
                      address.sun_path, std::strerror(failure));
  }
  return errno_error(failure, std::string("shim socket ") + address.sun_path);
}

// Removes what a dead VMM left at the path, and nothing else.
Status remove_stale(const std::string& path, const sockaddr_un& address) {
  struct stat info {};
  if (::lstat(path.c_str(), &info) != 0) {
    if (errno == ENOENT) return {};
    return errno_error(errno, "shim socket " + path);
  }
  if (!S_ISSOCK(info.st_mode)) {
    return make_error(ErrorCode::kAlreadyExists,
                      "shim socket {}: a file that is no socket is in the "
                      "way; remove it",
                      path);
  }
  CAUSEWAY_ASSIGN(const UniqueFd probe, make_socket());
  if (connect_socket(probe.get(), address).has_value()) {
    return make_error(ErrorCode::kAlreadyExists,
                      "shim socket {}: another VMM listens there", path);
  }
  if (::unlink(path.c_str()) != 0 && errno != ENOENT)
    return errno_error(errno, "remove stale shim socket " + path);
  return {};
}

// Waits until `events` are there, or the other end is gone.
Status wait_for(int socket, short events, Deadline deadline) {
  while (true) {
    const auto left = std::chrono::ceil<milliseconds>(
        deadline - std::chrono::steady_clock::now());
    pollfd poll_fd{socket, events, 0};
    const int timeout_ms =
        left.count() > 0 ? static_cast<int>(left.count()) : 0;
    const int ready = ::poll(&poll_fd, 1, timeout_ms);
    if (ready > 0) return {};
    if (ready < 0 && errno != EINTR)
      return errno_error(errno, "poll the shim socket");
    if (ready == 0 && timeout_ms == 0)
      return make_error(ErrorCode::kTimeout, "shim socket: nothing came");
  }
}

Error gone() {
  return make_error(ErrorCode::kConnectionLost,
                    "shim socket: the other end closed it");
}

// Takes over all descriptors of a message, wanted or not.
std::vector<UniqueFd> take_fds(msghdr& message) {
  std::vector<UniqueFd> fds;
  for (cmsghdr* head = CMSG_FIRSTHDR(&message); head != nullptr;
       head = CMSG_NXTHDR(&message, head)) {
    if (head->cmsg_level != SOL_SOCKET || head->cmsg_type != SCM_RIGHTS)
      continue;
    const size_t count = (head->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < count; ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(head) + i * sizeof(int), sizeof(int));
      fds.emplace_back(fd);
    }
  }
  return fds;
}

}  // namespace

Result<UniqueFd> listen_at(const std::string& path) {
  CAUSEWAY_ASSIGN(const sockaddr_un address, address_of(path));
  CAUSEWAY_TRY(remove_stale(path, address));
  CAUSEWAY_ASSIGN(UniqueFd fd, make_socket());
  // Before bind, so that the path never exists with wider rights.
  if (::fchmod(fd.get(), 0600) != 0)
    return errno_error(errno, "chmod 0600 " + path);
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address),
             sizeof(address)) != 0) {
    return errno_error(errno, "bind shim socket " + path);
  }
  if (::chmod(path.c_str(), 0600) != 0 || ::listen(fd.get(), kBacklog) != 0) {
    const int failure = errno;
    ::unlink(path.c_str());
    return errno_error(failure, "listen at shim socket " + path);
  }
  return fd;
}

Result<UniqueFd> connect_to(const std::string& path) {
  CAUSEWAY_ASSIGN(const sockaddr_un address, address_of(path));
  CAUSEWAY_ASSIGN(UniqueFd fd, make_socket());
  CAUSEWAY_TRY(connect_socket(fd.get(), address));
  return fd;
}

bool peer_is_trusted(int socket) {
  ucred peer{};
  socklen_t bytes = sizeof(peer);
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &bytes) != 0)
    return false;
  return peer.uid == 0 || peer.uid == ::geteuid();
}

Status send_packet(int socket, std::span<const std::byte> packet,
                   std::span<const int> fds, milliseconds timeout) {
  CAUSEWAY_ASSERT(packet.size() <= kShimMessageBytesMax);
  CAUSEWAY_ASSERT(fds.size() <= kShimFdsMax);
  alignas(cmsghdr) char control[kControlBytes] = {};
  iovec vector{const_cast<std::byte*>(packet.data()), packet.size()};
  msghdr message{};
  message.msg_iov = &vector;
  message.msg_iovlen = 1;
  if (!fds.empty()) {
    message.msg_control = control;
    message.msg_controllen = CMSG_SPACE(fds.size_bytes());
    cmsghdr* head = CMSG_FIRSTHDR(&message);
    head->cmsg_level = SOL_SOCKET;
    head->cmsg_type = SCM_RIGHTS;
    head->cmsg_len = CMSG_LEN(fds.size_bytes());
    std::memcpy(CMSG_DATA(head), fds.data(), fds.size_bytes());
  }
  const Deadline deadline = std::chrono::steady_clock::now() + timeout;
  while (::sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) {
    if (errno == EPIPE || errno == ECONNRESET) return gone();
    if (errno == EINTR) continue;
    if (errno != EAGAIN) return errno_error(errno, "send to the shim socket");
    CAUSEWAY_TRY(wait_for(socket, POLLOUT, deadline));
  }
  return {};
}

PacketReceiver::PacketReceiver() : buffer_(kShimMessageBytesMax) {}

Result<PacketReceiver::Received> PacketReceiver::receive(int socket,
                                                         milliseconds timeout) {
  const Deadline deadline = std::chrono::steady_clock::now() + timeout;
  alignas(cmsghdr) char control[kControlBytes];
  iovec vector{buffer_.data(), buffer_.size()};
  msghdr message{};
  while (true) {
    message = msghdr{};
    message.msg_iov = &vector;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof(control);
    const ssize_t received =
        ::recvmsg(socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (received == 0) return gone();
    if (received > 0) {
      Received result{{buffer_.data(), static_cast<size_t>(received)},
                      take_fds(message)};
      if ((message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) {
        return make_error(ErrorCode::kPeerBroken,
                          "shim protocol: a packet of more than {} bytes or "
                          "{} descriptors came",
                          kShimMessageBytesMax, kShimFdsMax);
      }
      return result;
    }
    if (errno == ECONNRESET || errno == EPIPE) return gone();
    if (errno == EINTR) continue;
    if (errno != EAGAIN) return errno_error(errno, "read the shim socket");
    CAUSEWAY_TRY(wait_for(socket, POLLIN, deadline));
  }
}

}  // namespace causeway::shim
