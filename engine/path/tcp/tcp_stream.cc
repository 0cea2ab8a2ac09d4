#include "engine/path/tcp/tcp_stream.h"

#include <poll.h>
#include <sys/socket.h>

#include "engine/base/assert.h"

namespace causeway {

void TcpStream::start_tls(const TlsContext& context, TlsEnd end) {
  CAUSEWAY_ASSERT(fd_ && in_clear());
  tls_ = std::make_unique<TlsSession>(context, end, fd_.get(), peer_);
}

Result<TlsSession::Handshake> TcpStream::shake() {
  if (in_clear()) return TlsSession::Handshake::kDone;
  return tls_->shake();
}

Instant TcpStream::wait_on(WaitSet& set, bool unsent) const {
  set.add(fd_.get(), unsent ? POLLIN | POLLOUT : POLLIN);
  // What OpenSSL has taken from the socket wakes nobody: look again at once.
  return tls_ != nullptr && tls_->may_hold_bytes() ? Instant() : kNever;
}

void TcpStream::finish() {
  if (tls_ != nullptr) tls_->say_farewell();
  ::shutdown(fd_.get(), SHUT_WR);
}

void TcpStream::abort() {
  if (tls_ != nullptr) tls_->say_farewell();
  ::shutdown(fd_.get(), SHUT_RDWR);
}

PathStreams path_streams(std::vector<TcpStream> streams) {
  std::vector<std::unique_ptr<ByteStream>> owned;
  for (TcpStream& stream : streams) {
    owned.push_back(std::make_unique<TcpStream>(std::move(stream)));
  }
  return PathStreams("tcp", std::move(owned));
}

}  // namespace causeway
