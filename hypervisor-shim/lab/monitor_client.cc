#include "hypervisor-shim/lab/monitor_client.h"

#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <nlohmann/json.hpp>

#include "hypervisor-shim/lab/limits.h"
#include "hypervisor-shim/lab/unix_socket.h"

namespace causeway::lab {

using nlohmann::json;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

namespace {

Result<std::string> read_line(int fd, milliseconds timeout) {
  const auto deadline = steady_clock::now() + timeout;
  std::string line;
  while (line.find('\n') == std::string::npos) {
    const auto left = std::chrono::duration_cast<milliseconds>(
        deadline - steady_clock::now());
    pollfd entry = {fd, POLLIN, 0};
    const int ready = ::poll(
        &entry, 1, static_cast<int>(std::max(left, milliseconds(0)).count()));
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) {
      return make_error(ErrorCode::kTimeout,
                        "the VMM's monitor did not answer within {} ms",
                        timeout.count());
    }
    char buffer[4096];
    const ssize_t got = ::recv(fd, buffer, sizeof(buffer), 0);
    if (got <= 0 || line.size() > kMonitorReplyBytesMax) {
      return make_error(ErrorCode::kConnectionLost,
                        "the VMM closed its monitor connection");
    }
    line.append(buffer, static_cast<size_t>(got));
  }
  line.resize(line.find('\n'));
  return line;
}

}  // namespace

Result<MonitorClient> MonitorClient::connect(const std::string& path) {
  CAUSEWAY_ASSIGN(UniqueFd fd, connect_unix(path));
  return MonitorClient(std::move(fd));
}

Result<json> MonitorClient::call(const json& request, milliseconds timeout) {
  const std::string line = request.dump() + "\n";
  const auto sent = ::send(fd_.get(), line.data(), line.size(), MSG_NOSIGNAL);
  if (sent != static_cast<ssize_t>(line.size())) {
    return make_error(ErrorCode::kConnectionLost,
                      "the VMM closed its monitor connection");
  }
  CAUSEWAY_ASSIGN(const std::string reply, read_line(fd_.get(), timeout));
  json answer = json::parse(reply, nullptr, false);
  if (!answer.is_object()) {
    return make_error(ErrorCode::kPeerBroken,
                      "the VMM's monitor answered with something else than a "
                      "JSON object");
  }
  if (!answer.value("ok", false) && answer.contains("code")) {
    const auto code = error_code_from_name(answer.value("code", ""));
    return Error{code.value_or(ErrorCode::kInternal),
                 answer.value("message", "")};
  }
  return answer;
}

}  // namespace causeway::lab
