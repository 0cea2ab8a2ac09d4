#include "engine/control/agent_address.h"

#include "engine/base/host_port.h"

namespace causeway {
namespace {

constexpr std::string_view kUnixPrefix = "unix:";

// struct sockaddr_un.
constexpr size_t kUnixPathBytesMax = 107;

Error malformed(std::string_view text, std::string_view why) {
  return make_error(ErrorCode::kInvalidArgument,
                    "\"{}\" is no address of an agent: {}; write HOST:PORT, "
                    "[::1]:PORT or unix:/path",
                    text, why);
}

}  // namespace

bool AgentAddress::is_wildcard() const {
  return host == "0.0.0.0" || host == "::";
}

std::string AgentAddress::text() const {
  if (is_unix()) return std::string(kUnixPrefix) + unix_path;
  return HostPort{host, port}.text();
}

Result<AgentAddress> parse_agent_address(std::string_view text) {
  AgentAddress address;
  if (text.starts_with(kUnixPrefix)) {
    address.unix_path = text.substr(kUnixPrefix.size());
    if (address.unix_path.empty()) return malformed(text, "it has no path");
    if (address.unix_path.size() > kUnixPathBytesMax) {
      return malformed(text, "the path is longer than 107 characters");
    }
    return address;
  }
  const auto parsed = parse_host_port(text);
  if (!parsed) return malformed(text, parsed.error().message);
  address.host = parsed->host;
  address.port = parsed->port;
  return address;
}

}  // namespace causeway
