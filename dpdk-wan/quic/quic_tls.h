// QuicTls: the TLS session of one QUIC connection: TLS 1.3, which ciphers,
// which protocol, and whether the peer is who it should be. ngtcp2's helper
// drives it. GnuTLS stays out of the header.
//
// One owner, one thread.
#pragma once

#include <ngtcp2/ngtcp2_crypto.h>

#include <string>

#include "dpdk-wan/quic/quic_credentials.h"

namespace causeway {

class QuicTls {
 public:
  // `credentials` outlive it. `server`: of the accepting end.
  QuicTls(const QuicCredentials& credentials, bool server);
  ~QuicTls();
  QuicTls(const QuicTls&) = delete;
  QuicTls& operator=(const QuicTls&) = delete;

  // Once, before anything is read or written. The connection goes first.
  void serve(ngtcp2_conn* connection);
  // Why this end does not take the peer's certificate; empty: it does, or has
  // not seen it yet.
  const std::string& refusal() const { return refusal_; }

 private:
  static int judge_peer(gnutls_session_t session);

  const QuicCredentials& credentials_;
  const bool server_;
  gnutls_session_t session_ = nullptr;
  ngtcp2_crypto_conn_ref reference_{};  // by which the helper finds ...
  ngtcp2_conn* connection_ = nullptr;   // ... the connection
  std::string refusal_;
};

}  // namespace causeway
