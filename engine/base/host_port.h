// HostPort: a host and a port, as text: "HOST:PORT", "[::1]:PORT". Only the
// form is looked at; nothing is resolved.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "engine/base/result.h"

namespace causeway {

struct HostPort {
  std::string host;  // without brackets
  uint16_t port = 0;

  // With brackets where the host has colons.
  std::string text() const;
};

// kInvalidArgument's message is what is wrong with it, for the caller's own
// sentence: "it has no port".
Result<HostPort> parse_host_port(std::string_view text);

}  // namespace causeway
