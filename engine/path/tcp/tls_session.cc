#include "engine/path/tcp/tls_session.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include <cerrno>
#include <system_error>

#include "engine/base/assert.h"
#include "engine/path/tcp/certificate.h"

namespace causeway {
namespace {

// OpenSSL's socket BIO writes with write(), which would end the process with
// SIGPIPE when the peer has gone.
int write_without_signal(BIO* bio, const char* data, int bytes) {
  if (BIO_get_ktls_send(bio)) {
    return BIO_meth_get_write(BIO_s_socket())(bio, data, bytes);
  }
  errno = 0;
  const ssize_t sent =
      ::send(static_cast<int>(BIO_get_fd(bio, nullptr)), data,
             static_cast<size_t>(bytes), MSG_NOSIGNAL | MSG_DONTWAIT);
  BIO_clear_retry_flags(bio);
  if (sent <= 0 && BIO_sock_should_retry(static_cast<int>(sent)) != 0) {
    BIO_set_retry_write(bio);
  }
  return static_cast<int>(sent);
}

BIO_METHOD* new_socket_method() {
  const BIO_METHOD* const usual = BIO_s_socket();
  BIO_METHOD* const method = BIO_meth_new(BIO_TYPE_SOCKET, "causeway socket");
  CAUSEWAY_ASSERT(method != nullptr);
  BIO_meth_set_read(method, BIO_meth_get_read(usual));
  BIO_meth_set_write(method, &write_without_signal);
  BIO_meth_set_puts(method, BIO_meth_get_puts(usual));
  BIO_meth_set_ctrl(method, BIO_meth_get_ctrl(usual));
  BIO_meth_set_create(method, BIO_meth_get_create(usual));
  BIO_meth_set_destroy(method, BIO_meth_get_destroy(usual));
  return method;
}

BIO* new_socket_bio(int fd) {
  // As long as the program: a table of functions.
  static BIO_METHOD* const method = new_socket_method();
  BIO* const bio = BIO_new(method);
  CAUSEWAY_ASSERT(bio != nullptr);
  BIO_set_fd(bio, fd, BIO_NOCLOSE);
  return bio;
}

}  // namespace

void TlsSession::Free::operator()(SSL* ssl) const { SSL_free(ssl); }

TlsSession::TlsSession(const TlsContext& context, TlsEnd end, int fd,
                       std::string peer)
    : ssl_(SSL_new(context.get())),
      peer_(std::move(peer)),
      expected_name_(context.peer_name()),
      records_a_key_(context.records_a_key()) {
  CAUSEWAY_ASSERT(ssl_ != nullptr);
  BIO* const bio = new_socket_bio(fd);
  SSL_set_bio(ssl_.get(), bio, bio);
  if (end == TlsEnd::kConnecting) {
    SSL_set_connect_state(ssl_.get());
  } else {
    SSL_set_accept_state(ssl_.get());
  }
}

Result<TlsSession::Handshake> TlsSession::shake() {
  if (shaken_) return Handshake::kDone;
  ERR_clear_error();
  errno = 0;
  const int status = SSL_do_handshake(ssl_.get());
  if (status != 1) {
    const int error = SSL_get_error(ssl_.get(), status);
    if (error == SSL_ERROR_WANT_READ) return Handshake::kWantsRead;
    if (error == SSL_ERROR_WANT_WRITE) return Handshake::kWantsWrite;
    return handshake_error(error);
  }
  CAUSEWAY_TRY(check_peer());
  shaken_ = true;
  kernel_sends_ = BIO_get_ktls_send(SSL_get_wbio(ssl_.get()));
  return Handshake::kDone;
}

// The chain holds; is it the certificate of who should be there?
Status TlsSession::check_peer() const {
  const X509* const certificate = SSL_get0_peer_certificate(ssl_.get());
  CAUSEWAY_ASSERT(certificate != nullptr);
  const std::string name = certificate_name(certificate);
  if (!name.empty() && name == expected_name_) return {};
  return make_error(ErrorCode::kPermission,
                    "{} shows the certificate of \"{}\"; that of \"{}\" is "
                    "expected.",
                    peer_, name, expected_name_);
}

Error TlsSession::handshake_error(int ssl_error) const {
  const long verified = SSL_get_verify_result(ssl_.get());
  if (verified != X509_V_OK) {
    return make_error(ErrorCode::kPermission,
                      "The certificate of {} is not accepted: {}.", peer_,
                      X509_verify_cert_error_string(verified));
  }
  const unsigned long code = ERR_peek_last_error();
  const int reason = ERR_GET_REASON(code);
  const bool hung_up = ssl_error == SSL_ERROR_SYSCALL ||
                       ssl_error == SSL_ERROR_ZERO_RETURN ||
                       reason == SSL_R_UNEXPECTED_EOF_WHILE_READING;
  if (hung_up) {
    return make_error(ErrorCode::kConnectionLost,
                      "{} hung up in the TLS handshake: it speaks in the "
                      "clear, or it does not know this migration.",
                      peer_);
  }
  const char* const text = ERR_reason_error_string(code);
  if (reason == SSL_R_WRONG_VERSION_NUMBER || reason == SSL_R_HTTP_REQUEST) {
    return make_error(ErrorCode::kPermission,
                      "{} does not speak TLS, and this end does not speak in "
                      "the clear.",
                      peer_);
  }
  return make_error(ErrorCode::kPermission, "No TLS with {}: {}.", peer_,
                    text == nullptr ? "the handshake failed" : text);
}

void TlsSession::say_farewell() {
  if (!shaken_ || sending_.state != StreamIo::State::kMoved) return;
  // Behind half a record it would be taken for the other half.
  if (retry_bytes_ > 0) return;
  ERR_clear_error();
  (void)SSL_shutdown(ssl_.get());
  sending_ = {StreamIo::State::kBroken, false, EPIPE};
}

}  // namespace causeway
