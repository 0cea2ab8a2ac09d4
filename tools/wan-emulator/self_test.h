// The emulator measures itself: two hosts and the emulator between them, in
// network namespaces of their own, a sender, a receiver, real frames.
#pragma once

#include <nlohmann/json.hpp>

#include "engine/base/result.h"
#include "engine/base/time.h"
#include "tools/wan-emulator/limits.h"

namespace causeway {

struct SelfTestOptions {
  Duration each = std::chrono::seconds(1);  // of sending, for each figure
  Duration late_limit = kLateLimitDefault;
  bool real_time = true;
};

// {"timing_error_us":{...},"mtu_1500":{...},"mtu_9000":{...}}; README.md.
// kCancelled when a signal waits in `signal_fd`.
Result<nlohmann::json> run_self_test(const SelfTestOptions& options,
                                     int signal_fd);

}  // namespace causeway
