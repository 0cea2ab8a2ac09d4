#include "tools/pki/authority.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <filesystem>
#include <memory>

#include "engine/base/unique_fd.h"

namespace causeway {
namespace {

template <auto kFree>
struct Freer {
  template <typename T>
  void operator()(T* object) const {
    kFree(object);
  }
};
using Certificate = std::unique_ptr<X509, Freer<X509_free>>;
using Key = std::unique_ptr<EVP_PKEY, Freer<EVP_PKEY_free>>;
using Memory = std::unique_ptr<BIO, Freer<BIO_free>>;

// RFC 5280 has serial numbers of up to 20 bytes.
constexpr size_t kSerialBytes = 16;

// RFC 1035.
constexpr size_t kHostNameBytesMax = 253;

Error openssl_error(const std::string& what) {
  const char* reason = ERR_reason_error_string(ERR_peek_last_error());
  return make_error(ErrorCode::kInternal, "{}: {}", what,
                    reason == nullptr ? "OpenSSL failed" : reason);
}

bool is_ip_address(const std::string& text) {
  std::array<unsigned char, sizeof(in6_addr)> address;
  return inet_pton(AF_INET, text.c_str(), address.data()) == 1 ||
         inet_pton(AF_INET6, text.c_str(), address.data()) == 1;
}

// Letters that neither a path nor the extension's text gives a meaning.
bool is_host_name(const std::string& name) {
  return !name.empty() && name.size() <= kHostNameBytesMax &&
         std::isalnum(static_cast<unsigned char>(name.front())) != 0 &&
         std::all_of(name.begin(), name.end(), [](unsigned char c) {
           return std::isalnum(c) != 0 || c == '-' || c == '.' || c == '_';
         });
}

Status check_request(const HostCertificate& host) {
  if (!is_host_name(host.name) || is_ip_address(host.name) ||
      host.name == "localhost") {
    return make_error(ErrorCode::kInvalidArgument,
                      "\"{}\" is no name for a host: take letters, digits, "
                      "'-' and '.', as in DNS",
                      host.name);
  }
  for (const std::string& address : host.addresses) {
    if (is_ip_address(address) || is_host_name(address)) continue;
    return make_error(ErrorCode::kInvalidArgument,
                      "\"{}\" is neither an IP address nor a DNS name (and "
                      "takes no port)",
                      address);
  }
  return {};
}

std::string subject_alternatives(const HostCertificate& host) {
  std::string text = "DNS:" + host.name;
  for (const std::string& address : host.addresses) {
    text += (is_ip_address(address) ? ",IP:" : ",DNS:") + address;
  }
  return text + ",DNS:localhost,IP:127.0.0.1,IP:::1";
}

// Whole or not at all: written beside it, then renamed.
Status replace_file(const std::string& path, BIO* content, mode_t mode) {
  const std::string beside = path + ".new";
  ::unlink(beside.c_str());
  UniqueFd fd(
      ::open(beside.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode));
  if (!fd) return errno_error(errno, "Cannot make " + beside);
  char* data = nullptr;
  const long bytes = BIO_get_mem_data(content, &data);
  const bool written = ::write(fd.get(), data, static_cast<size_t>(bytes)) ==
                           static_cast<ssize_t>(bytes) &&
                       ::fsync(fd.get()) == 0;
  if (!written) return errno_error(errno, "Cannot write " + beside);
  if (::rename(beside.c_str(), path.c_str()) != 0) {
    return errno_error(errno, "Cannot make " + path);
  }
  return {};
}

Status write_key(const std::string& path, EVP_PKEY* key) {
  const Memory memory(BIO_new(BIO_s_mem()));
  if (PEM_write_bio_PrivateKey(memory.get(), key, nullptr, nullptr, 0, nullptr,
                               nullptr) != 1) {
    return openssl_error("Cannot write " + path);
  }
  return replace_file(path, memory.get(), 0600);
}

Status write_certificate(const std::string& path, X509* certificate) {
  const Memory memory(BIO_new(BIO_s_mem()));
  if (PEM_write_bio_X509(memory.get(), certificate) != 1) {
    return openssl_error("Cannot write " + path);
  }
  return replace_file(path, memory.get(), 0644);
}

Status make_folder(const std::string& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (!error) return {};
  return errno_error(error.value(), "Cannot make the folder " + folder);
}

Status add_extension(X509* certificate, X509* issuer, int nid,
                     const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  const std::unique_ptr<X509_EXTENSION, Freer<X509_EXTENSION_free>> extension(
      X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str()));
  if (extension == nullptr ||
      X509_add_ext(certificate, extension.get(), -1) != 1) {
    return openssl_error("Cannot make a certificate with " + value);
  }
  return {};
}

// All but the extensions and the signature.
Result<Certificate> new_certificate(EVP_PKEY* key, const std::string& name,
                                    std::chrono::seconds begins,
                                    std::chrono::seconds ends) {
  Certificate certificate(X509_new());
  std::array<unsigned char, kSerialBytes> serial;
  if (RAND_bytes(serial.data(), serial.size()) != 1) {
    return openssl_error("No random serial number");
  }
  serial[0] &= 0x7f;  // positive
  const std::unique_ptr<BIGNUM, Freer<BN_free>> number(
      BN_bin2bn(serial.data(), serial.size(), nullptr));
  X509_NAME* const subject = X509_get_subject_name(certificate.get());
  // 64 characters are the longest common name; the names that count stand in
  // the subjectAltName.
  const std::string common = name.substr(0, 64);
  const bool made =
      X509_set_version(certificate.get(), X509_VERSION_3) == 1 &&
      BN_to_ASN1_INTEGER(number.get(),
                         X509_get_serialNumber(certificate.get())) != nullptr &&
      X509_gmtime_adj(X509_getm_notBefore(certificate.get()), begins.count()) !=
          nullptr &&
      X509_gmtime_adj(X509_getm_notAfter(certificate.get()), ends.count()) !=
          nullptr &&
      X509_NAME_add_entry_by_txt(
          subject, "CN", MBSTRING_UTF8,
          reinterpret_cast<const unsigned char*>(common.c_str()), -1, -1,
          0) == 1 &&
      X509_set_pubkey(certificate.get(), key) == 1;
  if (!made) return openssl_error("Cannot make a certificate for " + name);
  return certificate;
}

Status sign(X509* certificate, EVP_PKEY* key) {
  if (X509_sign(certificate, key, EVP_sha256()) > 0) return {};
  return openssl_error("Cannot sign a certificate");
}

struct Authority {
  Certificate certificate;
  Key key;
};

Result<Authority> read_authority(const std::string& folder) {
  Authority authority;
  const Memory certificate(BIO_new_file((folder + "/ca.crt").c_str(), "r"));
  const Memory key(BIO_new_file((folder + "/ca.key").c_str(), "r"));
  if (certificate == nullptr || key == nullptr) {
    return make_error(ErrorCode::kNotFound,
                      "{} has no ca.crt and ca.key to read: `causeway pki "
                      "init {}` makes a CA there",
                      folder, folder);
  }
  authority.certificate.reset(
      PEM_read_bio_X509(certificate.get(), nullptr, nullptr, nullptr));
  authority.key.reset(
      PEM_read_bio_PrivateKey(key.get(), nullptr, nullptr, nullptr));
  if (authority.certificate == nullptr || authority.key == nullptr ||
      X509_check_private_key(authority.certificate.get(),
                             authority.key.get()) != 1) {
    return make_error(ErrorCode::kInvalidArgument,
                      "{}/ca.crt and {}/ca.key are no certificate and its key",
                      folder, folder);
  }
  return authority;
}

Result<Certificate> certify(const Authority& authority, EVP_PKEY* key,
                            const HostCertificate& host) {
  X509* const issuer = authority.certificate.get();
  CAUSEWAY_ASSIGN(Certificate made,
                  new_certificate(key, host.name, host.begins, host.ends));
  X509_set_issuer_name(made.get(), X509_get_subject_name(issuer));
  const std::pair<int, std::string> extensions[] = {
      {NID_basic_constraints, "critical,CA:FALSE"},
      {NID_key_usage, "critical,digitalSignature"},
      {NID_ext_key_usage, "serverAuth,clientAuth"},
      {NID_subject_key_identifier, "hash"},
      {NID_authority_key_identifier, "keyid:always"},
      {NID_subject_alt_name, subject_alternatives(host)}};
  for (const auto& [nid, value] : extensions) {
    CAUSEWAY_TRY(add_extension(made.get(), issuer, nid, value));
  }
  CAUSEWAY_TRY(sign(made.get(), authority.key.get()));
  return made;
}

}  // namespace

Status make_authority(const std::string& folder) {
  const std::string certificate_path = folder + "/ca.crt";
  const std::string key_path = folder + "/ca.key";
  for (const std::string& path : {certificate_path, key_path}) {
    struct stat stat {};
    if (::lstat(path.c_str(), &stat) != 0) continue;
    return make_error(ErrorCode::kAlreadyExists,
                      "{} is there already: a new CA would make every "
                      "certificate of the old one worthless",
                      path);
  }
  CAUSEWAY_TRY(make_folder(folder));
  const Key key(EVP_EC_gen("P-256"));
  if (key == nullptr) return openssl_error("Cannot make a key");
  CAUSEWAY_ASSIGN(
      const Certificate made,
      new_certificate(key.get(), "Causeway CA",
                      -std::chrono::seconds(kClockSkew), kAuthorityLifetime));
  X509_set_issuer_name(made.get(), X509_get_subject_name(made.get()));
  const std::pair<int, std::string> extensions[] = {
      {NID_basic_constraints, "critical,CA:TRUE,pathlen:0"},
      {NID_key_usage, "critical,keyCertSign,cRLSign"},
      {NID_subject_key_identifier, "hash"}};
  for (const auto& [nid, value] : extensions) {
    CAUSEWAY_TRY(add_extension(made.get(), made.get(), nid, value));
  }
  CAUSEWAY_TRY(sign(made.get(), key.get()));
  CAUSEWAY_TRY(write_key(key_path, key.get()));
  return write_certificate(certificate_path, made.get());
}

Status make_host(const std::string& folder, const HostCertificate& host) {
  CAUSEWAY_TRY(check_request(host));
  CAUSEWAY_ASSIGN(const Authority authority, read_authority(folder));
  const Key key(EVP_EC_gen("P-256"));
  if (key == nullptr) return openssl_error("Cannot make a key");
  CAUSEWAY_ASSIGN(const Certificate made, certify(authority, key.get(), host));
  const std::string out = folder + "/" + host.name;
  CAUSEWAY_TRY(make_folder(out));
  CAUSEWAY_TRY(write_certificate(out + "/ca.crt", authority.certificate.get()));
  CAUSEWAY_TRY(write_key(out + "/host.key", key.get()));
  return write_certificate(out + "/host.crt", made.get());
}

}  // namespace causeway
