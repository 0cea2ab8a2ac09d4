// TcpStream: the bytes under every channel of the tcp path, in the clear or
// inside TLS, which is decided when the stream opens. One owner, one thread;
// no call blocks and none allocates once the stream is open.
//
//   in the clear, and what the kernel encrypts    sendmsg, recvmsg: no copy
//   TLS by OpenSSL                                tls_session.h
#pragma once

#include <sys/uio.h>

#include <memory>
#include <span>
#include <string>

#include "engine/base/result.h"
#include "engine/base/stepper.h"
#include "engine/base/unique_fd.h"
#include "engine/path/tcp/stream_error.h"
#include "engine/path/tcp/tls_session.h"

namespace causeway {

class TcpStream {
 public:
  TcpStream() = default;
  // A connected socket, in the clear. `peer` is for the sentences.
  TcpStream(UniqueFd fd, std::string peer)
      : fd_(std::move(fd)), peer_(std::move(peer)) {}

  // From here on inside TLS: shake() until it is done, then the rest.
  void start_tls(const TlsContext& context, TlsEnd end);
  Result<TlsSession::Handshake> shake();

  int fd() const { return fd_.get(); }
  const std::string& peer() const { return peer_; }
  explicit operator bool() const { return static_cast<bool>(fd_); }

  // Sends from the pieces, in order. kMoved or kBlocked with how many bytes
  // went; what did not is offered again, with more behind it or without.
  StreamIo send(std::span<const iovec> pieces);
  StreamIo send(std::span<const std::byte> bytes);
  // Fills the pieces, in order. kBlocked: with what was there, if anything.
  StreamIo receive(std::span<const iovec> pieces);
  StreamIo receive(std::span<std::byte> bytes);

  // What to sleep on until there is more to receive or, with `unsent`, room to
  // send. As BulkChannel::wait_on.
  Instant wait_on(WaitSet& set, bool unsent) const;

  // The peer learns that no more comes: after what was sent, or (abort) at
  // once and in both directions. Duplicates of the fd do not prevent it.
  void finish();
  void abort();

  // For tests.
  const TlsSession* tls() const { return tls_.get(); }

 private:
  bool in_clear() const { return tls_ == nullptr; }
  StreamIo send_plain(std::span<const iovec> pieces);
  StreamIo receive_plain(std::span<const iovec> pieces);

  UniqueFd fd_;
  std::string peer_;
  std::unique_ptr<TlsSession> tls_;  // of a stream inside TLS
  uint64_t kernel_bytes_ = 0;        // that the kernel encrypted
};

}  // namespace causeway
