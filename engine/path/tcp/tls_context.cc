#include "engine/path/tcp/tls_context.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "engine/base/assert.h"

namespace causeway {
namespace {

// AES-128-GCM first: the fastest where the processor has AES; ChaCha20 where
// it has not.
constexpr const char* kCiphers =
    "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:"
    "TLS_CHACHA20_POLY1305_SHA256";

Error bad_file(const std::string& path, const char* what) {
  const char* reason = ERR_reason_error_string(ERR_peek_last_error());
  return make_error(ErrorCode::kInvalidArgument, "{} is no {} to use: {}.",
                    path, what, reason == nullptr ? "unreadable" : reason);
}

Status use_files(SSL_CTX* context, const TlsFiles& files) {
  ERR_clear_error();
  if (SSL_CTX_use_certificate_chain_file(context, files.certificate.c_str()) !=
      1) {
    return bad_file(files.certificate, "certificate");
  }
  if (SSL_CTX_use_PrivateKey_file(context, files.key.c_str(),
                                  SSL_FILETYPE_PEM) != 1) {
    return bad_file(files.key, "private key of the certificate beside it");
  }
  if (SSL_CTX_load_verify_locations(context, files.ca.c_str(), nullptr) != 1) {
    return bad_file(files.ca, "CA certificate");
  }
  return {};
}

}  // namespace

void TlsContext::Free::operator()(SSL_CTX* context) const {
  SSL_CTX_free(context);
}

Result<TlsContext> TlsContext::load(const TlsOptions& options) {
  CAUSEWAY_ASSERT(options.records_a_key > 0);
  CAUSEWAY_TRY(options.files.check());
  TlsContext made(SSL_CTX_new(TLS_method()), options);
  SSL_CTX* const context = made.get();
  CAUSEWAY_ASSERT(context != nullptr);
  const bool set =
      SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) == 1 &&
      SSL_CTX_set_ciphersuites(context, kCiphers) == 1 &&
      SSL_CTX_set_num_tickets(context, 0) == 1;
  CAUSEWAY_ASSERT(set);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
                     nullptr);
  // A call a record, retried from wherever the bytes are then.
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE |
                                SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  // Many records a system call.
  SSL_CTX_set_read_ahead(context, 1);
  SSL_CTX_set_default_read_buffer_len(context, kTlsReadBytes);
  if (options.kernel) SSL_CTX_set_options(context, SSL_OP_ENABLE_KTLS);
  CAUSEWAY_TRY(use_files(context, options.files));
  return made;
}

}  // namespace causeway
