// Whose a certificate is: a host's name is the first DNS name of its
// certificate's subjectAltName. OpenSSL stays out of the header.
#pragma once

#include <string>

#include "engine/base/result.h"

using X509 = struct x509_st;

namespace causeway {

// Empty when it has none, or one with bytes that no host name has.
std::string certificate_name(const X509* certificate);

// Of the first certificate in a PEM file; kInvalidArgument when it has none.
Result<std::string> read_certificate_name(const std::string& path);

}  // namespace causeway
