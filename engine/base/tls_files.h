// TlsFiles: where a host's certificate, its key and the CA that vouches for
// the others lie. Paths only: who uses them reads them anew each time, so that
// a renewed certificate needs no restart.
#pragma once

#include <string>

#include "engine/base/result.h"

namespace causeway {

struct TlsFiles {
  std::string ca;           // PEM; a bundle may hold several CAs
  std::string certificate;  // PEM; the host's, then those between it and the CA
  std::string key;          // PEM; readable by its owner alone

  // DIR/ca.crt, DIR/host.crt, DIR/host.key.
  static TlsFiles in_folder(const std::string& folder);

  // All are there and readable, and nobody else can read the key; an Error
  // names the file and what to do.
  Status check() const;
};

}  // namespace causeway
