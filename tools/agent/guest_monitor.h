// What the agent asks of a guest's monitor (hypervisor-shim/lab). Each call
// connects, asks, and waits a bounded time for the answer.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "engine/base/result.h"
#include "engine/control/control.pb.h"

namespace causeway {

Result<nlohmann::json> monitor_status(const std::string& socket_path);
// Returns when the guest has looked at all its blocks.
Result<nlohmann::json> monitor_check(const std::string& socket_path);
Status monitor_stop(const std::string& socket_path);
Status monitor_flip_bit(const std::string& socket_path,
                        const control::FlippedBit& bit);
Status monitor_kill_guest(const std::string& socket_path);

}  // namespace causeway
