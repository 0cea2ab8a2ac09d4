#include "dpdk-wan/quic/quic_credentials.h"

#include <gnutls/gnutls.h>
#include <gnutls/x509.h>

#include <array>

#include "engine/base/assert.h"

namespace causeway {
namespace {

Error bad_file(const std::string& path, const char* what, int status) {
  return make_error(ErrorCode::kInvalidArgument, "{} is no {} to use: {}.",
                    path, what, gnutls_strerror(status));
}

// The first DNS name of the peer's certificate; empty when it has none.
std::string peer_certificate_name(gnutls_session_t session) {
  unsigned int count = 0;
  const gnutls_datum_t* const chain =
      gnutls_certificate_get_peers(session, &count);
  if (chain == nullptr || count == 0) return {};
  gnutls_x509_crt_t made = nullptr;
  if (gnutls_x509_crt_init(&made) < 0) return {};
  const std::unique_ptr<struct gnutls_x509_crt_int,
                        decltype(&gnutls_x509_crt_deinit)>
      certificate(made, &gnutls_x509_crt_deinit);
  if (gnutls_x509_crt_import(made, &chain[0], GNUTLS_X509_FMT_DER) < 0) {
    return {};
  }
  constexpr unsigned int kNamesMax = 64;
  for (unsigned int i = 0; i < kNamesMax; ++i) {
    std::array<char, 256> name;
    size_t bytes = name.size();
    const int type = gnutls_x509_crt_get_subject_alt_name(made, i, name.data(),
                                                          &bytes, nullptr);
    if (type == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE) return {};
    if (type != GNUTLS_SAN_DNSNAME) continue;
    return std::string(name.data(), bytes);
  }
  return {};
}

}  // namespace

void QuicCredentials::Free::operator()(
    gnutls_certificate_credentials_t credentials) const {
  gnutls_certificate_free_credentials(credentials);
}

Result<QuicCredentials> QuicCredentials::load(const TlsFiles& files,
                                              const std::string& peer_name) {
  CAUSEWAY_TRY(files.check());
  gnutls_certificate_credentials_t made = nullptr;
  const int allocated = gnutls_certificate_allocate_credentials(&made);
  CAUSEWAY_ASSERT(allocated == GNUTLS_E_SUCCESS);
  QuicCredentials credentials(made, peer_name);
  const int trusted = gnutls_certificate_set_x509_trust_file(
      made, files.ca.c_str(), GNUTLS_X509_FMT_PEM);
  if (trusted < 0) return bad_file(files.ca, "CA certificate", trusted);
  if (trusted == 0) {
    return make_error(ErrorCode::kInvalidArgument,
                      "{} holds no CA certificate.", files.ca);
  }
  const int own = gnutls_certificate_set_x509_key_file(
      made, files.certificate.c_str(), files.key.c_str(), GNUTLS_X509_FMT_PEM);
  if (own < 0) return bad_file(files.certificate, "certificate", own);
  return credentials;
}

std::string QuicCredentials::judge_peer(gnutls_session_t session,
                                        bool server) const {
  const char* const purpose =
      server ? GNUTLS_KP_TLS_WWW_CLIENT : GNUTLS_KP_TLS_WWW_SERVER;
  gnutls_typed_vdata_st wanted{
      GNUTLS_DT_KEY_PURPOSE_OID,
      reinterpret_cast<unsigned char*>(const_cast<char*>(purpose)), 0};
  unsigned int status = 0;
  const int verified =
      gnutls_certificate_verify_peers(session, &wanted, 1, &status);
  if (verified < 0) return gnutls_strerror(verified);
  if (status != 0) {
    gnutls_datum_t text{};
    std::string why = "its certificate is not valid";
    if (gnutls_certificate_verification_status_print(status, GNUTLS_CRT_X509,
                                                     &text, 0) == 0) {
      why.assign(reinterpret_cast<char*>(text.data), text.size);
      gnutls_free(text.data);
    }
    while (!why.empty() &&
           (why.back() == ' ' || why.back() == '.' || why.back() == '\0')) {
      why.pop_back();
    }
    return why;
  }
  const std::string name = peer_certificate_name(session);
  if (name == peer_name_) return {};
  return fmt::format("its certificate is {}'s, not {}'s",
                     name.empty() ? "nobody" : name, peer_name_);
}

}  // namespace causeway
