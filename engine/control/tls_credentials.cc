#include "engine/control/tls_credentials.h"

#include <grpc/grpc_security_constants.h>
#include <grpcpp/security/tls_credentials_options.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <mutex>

namespace causeway {
namespace {

using grpc::experimental::FileWatcherCertificateProvider;
using grpc::experimental::IdentityKeyCertPair;
using grpc::experimental::StaticDataCertificateProvider;
using grpc::experimental::TlsChannelCredentialsOptions;
using grpc::experimental::TlsServerCredentialsOptions;

// gRPC 1.51 has no public way to set the least version of TLS, but it has one
// to set the ciphers, which are those up to 1.2: the suites of 1.3 are chosen
// apart from them. One that needs a key shared beforehand, which nobody has,
// leaves 1.2 without any.
void allow_tls13_only() {
  static std::once_flag once;
  std::call_once(once, [] {
    ::setenv("GRPC_SSL_CIPHER_SUITES", "PSK-AES128-GCM-SHA256", /*replace=*/1);
  });
}

Result<std::string> read_file(const std::string& path) {
  std::ifstream file(path);
  std::string text(std::istreambuf_iterator<char>(file), {});
  if (text.find("-----BEGIN") == std::string::npos) {
    return make_error(ErrorCode::kInvalidArgument, "{} is no file in PEM",
                      path);
  }
  return text;
}

struct Pem {
  std::string ca;
  IdentityKeyCertPair identity;
};

Result<Pem> read_files(const TlsFiles& tls) {
  CAUSEWAY_TRY(tls.check());
  Pem pem;
  CAUSEWAY_ASSIGN(pem.ca, read_file(tls.ca));
  CAUSEWAY_ASSIGN(pem.identity.private_key, read_file(tls.key));
  CAUSEWAY_ASSIGN(pem.identity.certificate_chain, read_file(tls.certificate));
  return pem;
}

}  // namespace

Result<std::shared_ptr<grpc::ChannelCredentials>> channel_credentials(
    const std::optional<TlsFiles>& tls) {
  if (!tls) return grpc::InsecureChannelCredentials();
  allow_tls13_only();
  CAUSEWAY_ASSIGN(Pem pem, read_files(*tls));
  TlsChannelCredentialsOptions options;
  options.set_certificate_provider(
      std::make_shared<StaticDataCertificateProvider>(
          pem.ca, std::vector<IdentityKeyCertPair>{pem.identity}));
  options.watch_root_certs();
  options.watch_identity_key_cert_pairs();
  // The chain, and the address that was called, are checked unless told
  // otherwise.
  return grpc::experimental::TlsCredentials(options);
}

Result<std::shared_ptr<grpc::ServerCredentials>> server_credentials(
    const TlsFiles& tls, unsigned refresh_s) {
  allow_tls13_only();
  CAUSEWAY_TRY(read_files(tls));
  TlsServerCredentialsOptions options(
      std::make_shared<FileWatcherCertificateProvider>(tls.key, tls.certificate,
                                                       tls.ca, refresh_s));
  options.watch_root_certs();
  options.watch_identity_key_cert_pairs();
  options.set_cert_request_type(
      GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  return grpc::experimental::TlsServerCredentials(options);
}

std::string peer_name(const grpc::AuthContext* context) {
  if (context == nullptr) return {};
  for (const auto& name : context->FindPropertyValues("peer_dns")) {
    return std::string(name.data(), name.size());
  }
  return {};
}

}  // namespace causeway
