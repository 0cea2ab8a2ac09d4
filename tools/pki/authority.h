// A certificate authority in a folder, for labs and for sites that have none of
// their own: EC P-256, nothing on the network, nothing kept but the files.
//
//   DIR/ca.crt  DIR/ca.key             make_authority()
//   DIR/NAME/ca.crt host.crt host.key  make_host(): what host NAME needs
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "engine/base/result.h"

namespace causeway {

// Ten years: a CA is what every host of a site has to be given again.
inline constexpr std::chrono::hours kAuthorityLifetime{24 * 3652};

// Two years: longer than anyone remembers to renew, short enough for a key
// that was lost unseen.
inline constexpr std::chrono::hours kHostLifetime{24 * 730};

// Certificates begin in the past: clocks of hosts differ.
inline constexpr std::chrono::hours kClockSkew{1};

struct HostCertificate {
  // The host's name for Causeway: the first DNS name.
  std::string name;
  // IP addresses and DNS names at which others call it, besides its name,
  // localhost and the loopback addresses.
  std::vector<std::string> addresses{};
  // From now; for tests.
  std::chrono::seconds begins = -std::chrono::seconds(kClockSkew);
  std::chrono::seconds ends = kHostLifetime;
};

// Makes the folder if it is not there. kAlreadyExists: it has a CA, which is
// left as it is.
Status make_authority(const std::string& folder);

// Makes or renews FOLDER/NAME. Each file is replaced whole: a reader sees the
// old one or the new one.
Status make_host(const std::string& folder, const HostCertificate& host);

}  // namespace causeway
