#include "tools/agent/guest_monitor.h"

#include <chrono>

#include "engine/control/limits.h"
#include "hypervisor-shim/lab/monitor_client.h"

namespace causeway {
namespace {

using std::chrono::milliseconds;

// The monitor answers from its own thread, whatever the guest does.
constexpr milliseconds kAnswerTimeout{3000};

// Before the caller gives up on us.
constexpr milliseconds kCheckAnswerTimeout{kCheckTimeoutMs - 1000};

Result<nlohmann::json> call(const std::string& socket_path,
                            const nlohmann::json& request,
                            milliseconds timeout = kAnswerTimeout) {
  CAUSEWAY_ASSIGN(lab::MonitorClient client,
                  lab::MonitorClient::connect(socket_path));
  return client.call(request, timeout);
}

Status without_answer(Result<nlohmann::json> answer) {
  if (!answer) return std::move(answer).error();
  return {};
}

}  // namespace

Result<nlohmann::json> monitor_status(const std::string& socket_path) {
  return call(socket_path, {{"command", "status"}});
}

Result<nlohmann::json> monitor_check(const std::string& socket_path) {
  return call(socket_path, {{"command", "check"}}, kCheckAnswerTimeout);
}

Status monitor_stop(const std::string& socket_path) {
  return without_answer(call(socket_path, {{"command", "stop"}}));
}

Status monitor_flip_bit(const std::string& socket_path,
                        const control::FlippedBit& bit) {
  return without_answer(call(socket_path, {{"command", "flip-bit"},
                                           {"region", bit.region()},
                                           {"offset", bit.byte()},
                                           {"bit", bit.bit()},
                                           {"tracked", !bit.untracked()}}));
}

Status monitor_kill_guest(const std::string& socket_path) {
  return without_answer(call(socket_path, {{"command", "kill-guest"}}));
}

}  // namespace causeway
