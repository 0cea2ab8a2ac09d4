#include <sys/socket.h>

#include <cerrno>

#include "engine/path/tcp/tcp_stream.h"

namespace causeway {

StreamIo TcpStream::send(std::span<const iovec> pieces) {
  if (in_clear()) return send_plain(pieces);
  if (!tls_->kernel_sends()) return tls_->send(pieces);
  if (kernel_bytes_ > kTlsKernelBytesMax) {
    return {StreamIo::State::kBroken, false, 0, 0,
            "the kernel's TLS key has carried all that one key may"};
  }
  const StreamIo io = send_plain(pieces);
  kernel_bytes_ += io.bytes;
  return io;
}

StreamIo TcpStream::receive(std::span<const iovec> pieces) {
  return in_clear() ? receive_plain(pieces) : tls_->receive(pieces);
}

StreamIo TcpStream::send_plain(std::span<const iovec> pieces) {
  msghdr message{};
  message.msg_iov = const_cast<iovec*>(pieces.data());
  message.msg_iovlen = pieces.size();
  ssize_t sent = 0;
  do {
    sent = ::sendmsg(fd_.get(), &message, MSG_NOSIGNAL | MSG_DONTWAIT);
  } while (sent < 0 && errno == EINTR);
  if (sent < 0) {
    if (errno == EAGAIN) return {StreamIo::State::kBlocked};
    return {StreamIo::State::kBroken, false, errno};
  }
  return {StreamIo::State::kMoved, false, 0, static_cast<size_t>(sent)};
}

StreamIo TcpStream::receive_plain(std::span<const iovec> pieces) {
  msghdr message{};
  message.msg_iov = const_cast<iovec*>(pieces.data());
  message.msg_iovlen = pieces.size();
  ssize_t got = 0;
  do {
    got = ::recvmsg(fd_.get(), &message, MSG_DONTWAIT);
  } while (got < 0 && errno == EINTR);
  if (got < 0) {
    if (errno == EAGAIN) return {StreamIo::State::kBlocked};
    return {StreamIo::State::kBroken, false, errno};
  }
  if (got == 0) return {StreamIo::State::kClosed};
  return {StreamIo::State::kMoved, false, 0, static_cast<size_t>(got)};
}

}  // namespace causeway
