// AgentAddress: where an agent listens, as text: "HOST:PORT", "[::1]:PORT" or
// "unix:/path". Only the form is checked; nothing is resolved.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "engine/base/result.h"

namespace causeway {

struct AgentAddress {
  std::string host;  // without brackets; empty for a UNIX socket
  uint16_t port = 0;
  std::string unix_path;

  bool is_unix() const { return !unix_path.empty(); }
  // 0.0.0.0 or ::, on which one can listen but not connect to.
  bool is_wildcard() const;
  // "host:port", with brackets where the host has colons.
  std::string text() const;
};

Result<AgentAddress> parse_agent_address(std::string_view text);

}  // namespace causeway
