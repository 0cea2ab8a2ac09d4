// TlsSession: TLS over one connected socket that someone else owns. All of
// OpenSSL that a stream needs; no call blocks. Bytes to send are cut into
// records of at most kTlsRecordBytesMax:
//
//   pieces   | head | payload of 256 KiB ............ | head | head | payload
//   records  |<- gathered ->|<- 16 KiB in place ->|...|<----- gathered ----->
//
// Where a large piece begins a record it is encrypted from where it lies; what
// is smaller is gathered in record_ first.
#pragma once

#include <sys/uio.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "engine/base/result.h"
#include "engine/path/stream/stream_error.h"
#include "engine/path/tcp/limits.h"
#include "engine/path/tcp/tls_context.h"

using SSL = struct ssl_st;

namespace causeway {

enum class TlsEnd { kConnecting, kAccepting };

class TlsSession {
 public:
  // `peer` is for the sentences.
  TlsSession(const TlsContext& context, TlsEnd end, int fd, std::string peer);

  enum class Handshake { kDone, kWantsRead, kWantsWrite };
  // Goes as far as it can; done when the peer has shown the certificate of
  // who it should be. An Error says what was wrong and at which end.
  Result<Handshake> shake();
  bool shaken() const { return shaken_; }

  // As in TcpStream.
  StreamIo send(std::span<const iovec> pieces);
  StreamIo receive(std::span<const iovec> pieces);
  // Tells the peer that no more comes, as far as the socket takes it.
  void say_farewell();

  // Bytes may wait inside, where no poll() sees them.
  bool may_hold_bytes() const { return may_hold_bytes_; }
  // The kernel encrypts what is sent on the socket.
  bool kernel_sends() const { return kernel_sends_; }
  uint64_t keys_renewed() const { return keys_renewed_; }

 private:
  struct Free {
    void operator()(SSL* ssl) const;
  };
  Error handshake_error(int ssl_error) const;
  Status check_peer() const;
  bool due_for_new_key() const;
  std::span<const std::byte> next_record(std::span<const iovec> pieces,
                                         size_t skip);
  StreamIo troubled(int status) const;

  std::unique_ptr<SSL, Free> ssl_;
  std::string peer_;
  std::string expected_name_;
  uint64_t records_a_key_;
  uint64_t records_ = 0;  // with this key
  uint64_t keys_renewed_ = 0;
  size_t retry_bytes_ = 0;  // of the record that the socket did not take whole
  bool shaken_ = false;
  // For good, each for its direction: a peer that reads no more may have sent.
  StreamIo sending_;
  StreamIo receiving_;
  bool may_hold_bytes_ = true;
  bool kernel_sends_ = false;
  std::array<std::byte, kTlsRecordBytesMax> record_;
};

}  // namespace causeway
