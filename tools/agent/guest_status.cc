#include "tools/agent/guest_status.h"

#include <numeric>

#include "tools/agent/guest_json.h"
#include "tools/agent/guest_monitor.h"

namespace causeway {

control::GuestStatus guest_status(const Host& host, const GuestView& view) {
  control::GuestStatus status;
  *status.mutable_config() = view.record.config;
  status.set_state(guest_phase_name(view.phase));
  status.set_why(view.why);
  status.set_pid(view.record.pid);
  if (view.phase == GuestPhase::kDied) return status;
  if (view.phase == GuestPhase::kStarting) return status;
  const auto paths = host.store.paths(view.record.config.name());
  const auto monitor = monitor_status(paths.monitor_socket);
  if (!monitor) {
    status.set_why(monitor.error().message);
    return status;
  }
  const std::string state = text_member(*monitor, "state");
  if (view.phase == GuestPhase::kRunning || state == "died") {
    status.set_state(state);
    status.set_why(text_member(*monitor, "why"));
  }
  status.set_filled(flag_member(*monitor, "filled"));
  const auto steps = counts_member(*monitor, "steps");
  status.set_steps(std::accumulate(steps.begin(), steps.end(), uint64_t{0}));
  status.set_blackout_ms(number_member(*monitor, "blackout_ns") / 1e6);
  status.set_monitor_json(monitor->dump());
  return status;
}

}  // namespace causeway
