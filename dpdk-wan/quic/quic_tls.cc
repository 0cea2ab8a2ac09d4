#include "dpdk-wan/quic/quic_tls.h"

#include <gnutls/gnutls.h>
#include <ngtcp2/ngtcp2_crypto_gnutls.h>

#include <cstring>

#include "engine/base/assert.h"

namespace causeway {
namespace {

// AES-GCM alone: GnuTLS's ChaCha20 is nine times slower.
constexpr const char* kPriority =
    "NORMAL:-VERS-ALL:+VERS-TLS1.3:-CIPHER-ALL:+AES-128-GCM:+AES-256-GCM:"
    "-GROUP-ALL:+GROUP-X25519:+GROUP-SECP256R1:+GROUP-SECP384R1:"
    "%DISABLE_TLS13_COMPAT_MODE";

constexpr const char* kProtocol = "causeway/1";  // ALPN

}  // namespace

QuicTls::QuicTls(const QuicCredentials& credentials, bool server)
    : credentials_(credentials), server_(server) {
  reference_.get_conn = [](ngtcp2_crypto_conn_ref* reference) {
    return static_cast<QuicTls*>(reference->user_data)->connection_;
  };
  reference_.user_data = this;
  const unsigned int flags =
      server ? GNUTLS_SERVER | GNUTLS_NO_AUTO_SEND_TICKET : GNUTLS_CLIENT;
  const int made = gnutls_init(&session_, flags | GNUTLS_NO_TICKETS);
  CAUSEWAY_ASSERT(made == GNUTLS_E_SUCCESS);
  const int prioritised =
      gnutls_priority_set_direct(session_, kPriority, nullptr);
  CAUSEWAY_ASSERT(prioritised == GNUTLS_E_SUCCESS);
  const int configured =
      server ? ngtcp2_crypto_gnutls_configure_server_session(session_)
             : ngtcp2_crypto_gnutls_configure_client_session(session_);
  CAUSEWAY_ASSERT(configured == 0);
  gnutls_session_set_ptr(session_, &reference_);
  gnutls_credentials_set(session_, GNUTLS_CRD_CERTIFICATE, credentials.get());
  gnutls_session_set_verify_function(session_, &judge_peer);
  if (server) {
    gnutls_certificate_server_set_request(session_, GNUTLS_CERT_REQUIRE);
  }
  const gnutls_datum_t protocol{
      reinterpret_cast<unsigned char*>(const_cast<char*>(kProtocol)),
      static_cast<unsigned int>(std::strlen(kProtocol))};
  gnutls_alpn_set_protocols(session_, &protocol, 1, GNUTLS_ALPN_MANDATORY);
}

QuicTls::~QuicTls() { gnutls_deinit(session_); }

void QuicTls::serve(ngtcp2_conn* connection) {
  CAUSEWAY_ASSERT(connection_ == nullptr);
  connection_ = connection;
  ngtcp2_conn_set_tls_native_handle(connection, session_);
}

int QuicTls::judge_peer(gnutls_session_t session) {
  auto* reference =
      static_cast<ngtcp2_crypto_conn_ref*>(gnutls_session_get_ptr(session));
  QuicTls& tls = *static_cast<QuicTls*>(reference->user_data);
  tls.refusal_ = tls.credentials_.judge_peer(session, tls.server_);
  return tls.refusal_.empty() ? 0 : GNUTLS_E_CERTIFICATE_ERROR;
}

}  // namespace causeway
