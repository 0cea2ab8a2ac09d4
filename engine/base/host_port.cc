#include "engine/base/host_port.h"

#include <charconv>

namespace causeway {
namespace {

// RFC 1035: a host name has at most 253 characters.
constexpr size_t kHostBytesMax = 253;

}  // namespace

std::string HostPort::text() const {
  const bool brackets = host.find(':') != std::string::npos;
  return brackets ? fmt::format("[{}]:{}", host, port)
                  : fmt::format("{}:{}", host, port);
}

Result<HostPort> parse_host_port(std::string_view text) {
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) {
    return make_error(ErrorCode::kInvalidArgument, "it has no port");
  }
  std::string_view host = text.substr(0, colon);
  const std::string_view digits = text.substr(colon + 1);
  const bool brackets =
      host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (brackets) host = host.substr(1, host.size() - 2);
  if (host.empty() || host.size() > kHostBytesMax ||
      host.find_first_of(brackets ? "[]" : "[]:") != std::string_view::npos) {
    return make_error(ErrorCode::kInvalidArgument, "the host is not clear");
  }
  HostPort parsed;
  parsed.host = host;
  const char* const end = digits.data() + digits.size();
  const auto read = std::from_chars(digits.data(), end, parsed.port);
  if (read.ec != std::errc() || read.ptr != end) {
    return make_error(ErrorCode::kInvalidArgument,
                      "the port is no number from 0 to 65535");
  }
  return parsed;
}

}  // namespace causeway
