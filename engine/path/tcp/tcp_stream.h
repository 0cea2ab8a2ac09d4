// TcpStream: a connected socket as a ByteStream, in the clear or inside TLS,
// which is decided when the stream opens.
//
//   in the clear, and what the kernel encrypts    sendmsg, recvmsg: no copy
//   TLS by OpenSSL                                tls_session.h
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "engine/base/result.h"
#include "engine/base/stepper.h"
#include "engine/base/unique_fd.h"
#include "engine/path/stream/byte_stream.h"
#include "engine/path/stream/path_streams.h"
#include "engine/path/tcp/tls_session.h"

namespace causeway {

class TcpStream final : public ByteStream {
 public:
  TcpStream() = default;
  // A connected socket, in the clear. `peer` is for the sentences.
  TcpStream(UniqueFd fd, std::string peer)
      : fd_(std::move(fd)), peer_(std::move(peer)) {}

  // From here on inside TLS: shake() until it is done, then the rest.
  void start_tls(const TlsContext& context, TlsEnd end);
  Result<TlsSession::Handshake> shake();

  int fd() const { return fd_.get(); }
  explicit operator bool() const { return static_cast<bool>(fd_); }

  using ByteStream::receive;
  using ByteStream::send;
  StreamIo send(std::span<const iovec> pieces) override;
  StreamIo receive(std::span<const iovec> pieces) override;
  Instant wait_on(WaitSet& set, bool unsent) const override;
  // At once, also where duplicates of the fd stay open.
  void finish() override;
  void abort() override;
  void set_urgent(bool) override {}  // TCP has nothing to offer
  const std::string& peer() const override { return peer_; }

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

// The streams of a path: control's, then the workers'.
PathStreams path_streams(std::vector<TcpStream> streams);

}  // namespace causeway
