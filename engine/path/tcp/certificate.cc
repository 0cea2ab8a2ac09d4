#include "engine/path/tcp/certificate.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <cctype>
#include <memory>
#include <string_view>

namespace causeway {
namespace {

// RFC 1035.
constexpr size_t kHostNameBytesMax = 253;

bool is_host_name(std::string_view name) {
  return !name.empty() && name.size() <= kHostNameBytesMax &&
         std::all_of(name.begin(), name.end(), [](unsigned char c) {
           return std::isalnum(c) != 0 || c == '-' || c == '.' || c == '_';
         });
}

}  // namespace

std::string certificate_name(const X509* certificate) {
  const std::unique_ptr<GENERAL_NAMES, decltype(&GENERAL_NAMES_free)> names(
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(
          certificate, NID_subject_alt_name, nullptr, nullptr)),
      &GENERAL_NAMES_free);
  for (int i = 0; i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type != GEN_DNS) continue;
    // Not a C string: a name may have a zero in its middle.
    const std::string text(
        reinterpret_cast<const char*>(ASN1_STRING_get0_data(name->d.dNSName)),
        static_cast<size_t>(ASN1_STRING_length(name->d.dNSName)));
    return is_host_name(text) ? text : std::string();
  }
  return {};
}

Result<std::string> read_certificate_name(const std::string& path) {
  const std::unique_ptr<BIO, decltype(&BIO_free)> file(
      BIO_new_file(path.c_str(), "r"), &BIO_free);
  if (file == nullptr) {
    return errno_error(errno, "Cannot read the certificate " + path);
  }
  const std::unique_ptr<X509, decltype(&X509_free)> certificate(
      PEM_read_bio_X509(file.get(), nullptr, nullptr, nullptr), &X509_free);
  if (certificate == nullptr) {
    return make_error(ErrorCode::kInvalidArgument,
                      "{} holds no certificate in PEM.", path);
  }
  std::string name = certificate_name(certificate.get());
  if (name.empty()) {
    return make_error(ErrorCode::kInvalidArgument,
                      "The certificate {} has no DNS name in its "
                      "subjectAltName: a host's name is the first of them.",
                      path);
  }
  return name;
}

}  // namespace causeway
