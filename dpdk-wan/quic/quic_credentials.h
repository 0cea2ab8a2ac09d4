// QuicCredentials: a host's certificate, key and CA, read once and ready for
// the connections of one path: the tcp path's TlsContext for GnuTLS, which
// ngtcp2's helper needs. TLS 1.3 alone, certificates at both ends, no tickets.
// GnuTLS stays out of the header.
#pragma once

#include <memory>
#include <string>

#include "engine/base/result.h"
#include "engine/base/tls_files.h"

using gnutls_certificate_credentials_t =
    struct gnutls_certificate_credentials_st*;
using gnutls_session_t = struct gnutls_session_int*;

namespace causeway {

class QuicCredentials {
 public:
  // Reads the files; an Error names the one that is wrong. `peer_name`: whose
  // certificate the other end must show (the first DNS name of its
  // subjectAltName).
  static Result<QuicCredentials> load(const TlsFiles& files,
                                      const std::string& peer_name);

  gnutls_certificate_credentials_t get() const { return credentials_.get(); }
  const std::string& peer_name() const { return peer_name_; }

  // Whether the peer of a session in its handshake is who it should be;
  // `server`: it is the accepting end. Empty: yes; else why not.
  std::string judge_peer(gnutls_session_t session, bool server) const;

 private:
  struct Free {
    void operator()(gnutls_certificate_credentials_t credentials) const;
  };
  QuicCredentials(gnutls_certificate_credentials_t credentials,
                  std::string peer_name)
      : credentials_(credentials), peer_name_(std::move(peer_name)) {}

  std::unique_ptr<struct gnutls_certificate_credentials_st, Free> credentials_;
  std::string peer_name_;
};

}  // namespace causeway
