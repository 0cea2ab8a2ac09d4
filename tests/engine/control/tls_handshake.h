// Whether a plain client of OpenSSL's gets through a handshake.
#pragma once

#include <openssl/ssl.h>

#include <string>

#include "engine/base/tls_files.h"

namespace causeway {

// At "host:port", with TLS of this version and no other.
bool shakes_hands(const std::string& address, const TlsFiles& files,
                  int version);

}  // namespace causeway
