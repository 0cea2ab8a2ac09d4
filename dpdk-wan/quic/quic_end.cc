#include "dpdk-wan/quic/quic_end.h"

#include <gnutls/gnutls.h>

namespace causeway {
namespace {

// RFC 9000, 20.1: 0x100 and the TLS alert.
constexpr uint64_t kCryptoErrorFirst = 0x100;
constexpr uint64_t kCryptoErrorLast = 0x1ff;
// Ours: not all was had.
constexpr uint64_t kGaveUp = 1;

Error closed_by_peer(uint64_t code) {
  if (code >= kCryptoErrorFirst && code <= kCryptoErrorLast) {
    const char* name = gnutls_alert_get_name(
        static_cast<gnutls_alert_description_t>(code - kCryptoErrorFirst));
    return make_error(ErrorCode::kPermission,
                      "it refused this host's certificate ({})",
                      name == nullptr ? "no reason given" : name);
  }
  if (code != NGTCP2_NO_ERROR) {
    return make_error(ErrorCode::kConnectionLost, "it gave up the connection");
  }
  return make_error(ErrorCode::kCancelled, "it closed the connection");
}

}  // namespace

Error quic_end_error(int status, uint64_t peer_code, Duration silence_max) {
  switch (status) {
    case NGTCP2_ERR_DRAINING:
    case NGTCP2_ERR_CLOSING:
      return closed_by_peer(peer_code);
    case NGTCP2_ERR_IDLE_CLOSE:
      return make_error(ErrorCode::kConnectionLost,
                        "it was silent for {:.0f} s", seconds(silence_max));
    case NGTCP2_ERR_HANDSHAKE_TIMEOUT:
      return make_error(ErrorCode::kTimeout,
                        "it did not finish the QUIC handshake in time");
    default:
      return make_error(ErrorCode::kConnectionLost, "{}",
                        ngtcp2_strerror(status));
  }
}

std::optional<ngtcp2_connection_close_error> quic_close_reason(
    int status, uint8_t tls_alert, bool orderly) {
  if (status == NGTCP2_ERR_DRAINING || status == NGTCP2_ERR_IDLE_CLOSE ||
      status == NGTCP2_ERR_HANDSHAKE_TIMEOUT ||
      status == NGTCP2_ERR_DROP_CONN) {
    return std::nullopt;
  }
  ngtcp2_connection_close_error reason;
  ngtcp2_connection_close_error_default(&reason);
  if (status == NGTCP2_ERR_CRYPTO) {
    ngtcp2_connection_close_error_set_transport_error_tls_alert(
        &reason, tls_alert, nullptr, 0);
  } else if (status != 0) {
    ngtcp2_connection_close_error_set_transport_error_liberr(&reason, status,
                                                             nullptr, 0);
  } else if (!orderly) {
    ngtcp2_connection_close_error_set_application_error(&reason, kGaveUp,
                                                        nullptr, 0);
  }
  return reason;
}

}  // namespace causeway
