#include "engine/control/agent_address.h"

#include <charconv>

namespace causeway {
namespace {

constexpr std::string_view kUnixPrefix = "unix:";

// RFC 1035: a host name has at most 253 characters.
constexpr size_t kHostBytesMax = 253;

// struct sockaddr_un.
constexpr size_t kUnixPathBytesMax = 107;

Error malformed(std::string_view text, const char* why) {
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
  const bool brackets = host.find(':') != std::string::npos;
  return brackets ? fmt::format("[{}]:{}", host, port)
                  : fmt::format("{}:{}", host, port);
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
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return malformed(text, "it has no port");
  std::string_view host = text.substr(0, colon);
  const std::string_view port = text.substr(colon + 1);
  const bool brackets =
      host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (brackets) host = host.substr(1, host.size() - 2);
  if (host.empty() || host.size() > kHostBytesMax ||
      host.find_first_of(brackets ? "[]" : "[]:") != std::string_view::npos) {
    return malformed(text, "the host is not clear");
  }
  const auto [end, error] =
      std::from_chars(port.data(), port.data() + port.size(), address.port);
  if (error != std::errc() || end != port.data() + port.size()) {
    return malformed(text, "the port is no number from 0 to 65535");
  }
  address.host = host;
  return address;
}

}  // namespace causeway
