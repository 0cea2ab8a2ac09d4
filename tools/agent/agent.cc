#include "tools/agent/agent.h"

#include <poll.h>
#include <spdlog/spdlog.h>

#include <utility>

#include "engine/content/state_paths.h"
#include "tools/agent/recovery.h"

namespace causeway {

Result<std::unique_ptr<Agent>> Agent::create(const AgentOptions& options) {
  CAUSEWAY_ASSIGN(GuestStore store, GuestStore::open(options.state_folder));
  CAUSEWAY_ASSIGN(Journal journal, Journal::open(store.journal()));
  std::unique_ptr<Agent> agent(
      new Agent(options, std::move(store), std::move(journal)));
  CAUSEWAY_TRY(recover_host(&agent->host_));
  if (options.index_guests) {
    agent->keeper_ = std::make_unique<ContentKeeper>(&agent->host_);
  }
  return agent;
}

Agent::Agent(const AgentOptions& options, GuestStore store, Journal journal)
    : host_{options.name,
            options.program_folder,
            options.mover_listen,
            options.memory_limit_bytes,
            options.tls,
            options.wan,
            options.rdma,
            options.index.empty() ? content_index_in(store.folder())
                                  : options.index,
            options.index_key.empty() ? content_key_in(store.folder())
                                      : options.index_key,
            std::move(store),
            VmmLauncher(options.program_folder, options.vmm_arguments),
            std::move(journal),
            {},
            {},
            {},
            {},
            {},
            {},
            {}},
      guests_(&host_),
      departures_(&host_),
      arrivals_(&host_),
      decisions_(&host_, &departures_, &arrivals_),
      probes_(&host_) {}

void Agent::set_address(const std::string& address) {
  const std::lock_guard lock(host_.address_mutex);
  host_.listening_at = address;
}

void Agent::watch_guests(const std::vector<int>& stop_fds) {
  for (;;) {
    const std::vector<int> exit_fds = host_.table.exit_fds();
    std::vector<pollfd> fds;
    fds.reserve(stop_fds.size() + exit_fds.size());
    for (const int fd : stop_fds) fds.push_back({fd, POLLIN, 0});
    for (const int fd : exit_fds) fds.push_back({fd, POLLIN, 0});
    if (poll(fds.data(), fds.size(), -1) < 0) continue;
    for (size_t i = 0; i < stop_fds.size(); ++i) {
      if (fds[i].revents != 0) return;
    }
    for (const GuestView& view : host_.table.note_deaths()) {
      const std::string& name = view.record.config.name();
      spdlog::error("guest {} died: {}; its log ends: {}", name, view.why,
                    log_tail(host_.store.paths(name).log));
    }
    if (keeper_) keeper_->look();
  }
}

void Agent::cancel_moves() {
  departures_.stop();
  arrivals_.stop();
  probes_.stop();
}

std::string Agent::metrics_text() const {
  Metrics::Gauges gauges;
  for (const GuestView& view : host_.table.all()) {
    ++gauges.guests_by_state[guest_phase_name(view.phase)];
  }
  gauges.migrations_by_state["undecided"] = host_.undecided.reasons().size();
  gauges.migrations_by_state["departing"] = departures_.count();
  gauges.migrations_by_state["arriving"] = arrivals_.count_under_way();
  return host_.metrics.text(gauges);
}

}  // namespace causeway
