#include "tools/agent/arrival.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <span>

#include "engine/path/stripe/limits.h"
#include "hypervisor-shim/client/shim_guest.h"
#include "tools/agent/guest_json.h"
#include "tools/agent/guest_monitor.h"
#include "tools/agent/limits.h"
#include "tools/agent/path_wish.h"
#include "tools/agent/undecided_arrival.h"

namespace causeway {
namespace {

// What came from another host is checked as if an operator had typed it; what
// only the source can know is refused when it is missing.
Result<control::GuestConfig> arriving_config(
    const control::ReserveRequest& request) {
  control::GuestConfig config = request.config();
  config.clear_disk_path();
  if (config.hypervisor().empty()) {
    return make_error(ErrorCode::kInvalidArgument,
                      "the reservation does not name a hypervisor");
  }
  CAUSEWAY_ASSIGN(const std::string notice, complete_config(&config));
  return config;
}

}  // namespace

Result<std::unique_ptr<Arrival>> Arrival::reserve(
    Host* host, const std::string& peer,
    const control::ReserveRequest& request) {
  std::unique_ptr<Arrival> arrival(new Arrival(host));
  if (Status ready = arrival->prepare(peer, request); !ready) {
    // The mover first: it must be gone before the row says so.
    if (arrival->mover_) arrival->mover_->finish(kDiscardPatience);
    conclude_arrival(host, arrival->id_, std::move(arrival->guest_), true,
                     ready.error().message);
    return std::move(ready).error();
  }
  arrival->thread_ = std::thread(&Arrival::listen_to_mover, arrival.get());
  return arrival;
}

Status Arrival::prepare(const std::string& peer,
                        const control::ReserveRequest& request) {
  CAUSEWAY_ASSIGN(const control::GuestConfig config, arriving_config(request));
  CAUSEWAY_TRY(check_path_wish(request.path(), host_->tls.has_value()));
  CAUSEWAY_ASSIGN(rdma_fabrics_,
                  choose_fabrics(host_->rdma, request.rdma_fabrics(),
                                 request.path().kind() == "rdma"));
  id_ = request.migration();
  name_ = config.name();
  CAUSEWAY_ASSIGN(guest_, NewGuest::begin(host_, config, request.migration()));
  // Both programs load while we wait for the shell.
  CAUSEWAY_ASSIGN(mover_, MoverProcess::start(host_->program_folder));
  CAUSEWAY_TRY(begin_row(peer, request));
  CAUSEWAY_TRY(guest_->await_ready());
  CAUSEWAY_TRY(check_features(request.features()));
  nlohmann::json spec = {{"role", "target"},
                         {"migration", request.migration()},
                         {"guest", name_},
                         {"shim_socket", guest_->paths().shim_socket},
                         {"journal", host_->store.journal()},
                         {"listen", host_->mover_listen},
                         {"token", request.token()},
                         {"streams", request.streams()},
                         {"content",
                          {{"location", host_->index},
                           {"key_file", host_->index_key},
                           {"domain", config.domain()}}}};
  add_tls(&spec, host_->tls, peer);
  add_path(&spec, request.path(), host_->wan.first_port());
  add_lanes(&spec, host_->wan, std::min(request.lanes(), kStripeLanesMax),
            host_->mover_listen, {});
  if (!rdma_fabrics_.empty()) {
    add_rdma(&spec, host_->rdma, rdma_fabrics_,
             request.path().kind() == "rdma");
  }
  CAUSEWAY_TRY(mover_->give_spec(spec));
  return await_listening();
}

Status Arrival::check_features(const std::string& features) {
  CAUSEWAY_ASSIGN(const auto shell,
                  ShimGuest::connect(guest_->paths().shim_socket));
  auto status = shell->check_features(
      std::as_bytes(std::span(features.data(), features.size())));
  if (status) return {};
  Error error = status.error();
  error.message = fmt::format("host {} cannot run guest {}: {}", host_->name,
                              name_, error.message);
  return error;
}

Status Arrival::await_listening() {
  CAUSEWAY_ASSIGN(const MoverEvent event, mover_->next(kMoverListenTimeout));
  if (event.kind == MoverEvent::Kind::kListening) {
    mover_address_ = text_member(event.body, "address");
    lane_addresses_ = event.body.value("lanes", std::vector<std::string>());
    return {};
  }
  if (event.kind == MoverEvent::Kind::kFailed) {
    return failure_of(event.body).error;
  }
  return make_error(ErrorCode::kTimeout,
                    "the target's mover did not begin to listen");
}

Status Arrival::begin_row(const std::string& peer,
                          const control::ReserveRequest& request) {
  JournalEntry entry;
  entry.migration = id_;
  entry.role = MigrationRole::kTarget;
  entry.guest = name_;
  entry.peer = request.source_agent();
  entry.peer_name = peer;
  entry.boot = boot_id();
  entry.mover_pid = mover_->pid();
  entry.mover_start_ticks = mover_->start_ticks();
  return host_->journal.begin(entry);
}

void Arrival::listen_to_mover() {
  auto report = follow_mover();
  mover_->finish(called_off() ? kDiscardPatience
                 : report     ? kMoverLastWordMax
                              : kMoverCancelTimeout);
  const std::string why = report ? "" : report.error().message;
  switch (conclude_arrival(host_, id_, std::move(guest_), called_off(), why)) {
    case ArrivalEnd::kRuns:
      host_->metrics.arrived();
      return end(report ? std::move(report) : std::string("{}"));
    case ArrivalEnd::kDied:
      return end(make_error(ErrorCode::kGuestDied,
                            "guest {} had moved to {} and its VMM died", name_,
                            host_->name));
    case ArrivalEnd::kUndecided:
      return end(make_error(ErrorCode::kConnectionLost,
                            "the movers of guest {} are gone ({}); {} finds "
                            "out what has become of it",
                            name_, why, host_->name));
    case ArrivalEnd::kDiscarded:
      host_->metrics.not_arrived();
      spdlog::info("guest {} did not arrive: {}", name_, why);
      if (report) {
        report = make_error(ErrorCode::kInternal,
                            "the mover says that guest {} runs, the journal "
                            "that it does not",
                            name_);
      }
      return end(std::move(report));
  }
}

bool Arrival::called_off() const {
  const std::lock_guard lock(mutex_);
  return called_off_;
}

// Until the mover's end: its report when it says that the guest runs here.
Result<std::string> Arrival::follow_mover() {
  auto patience = kMoverConnectTimeout;
  for (;;) {
    CAUSEWAY_ASSIGN(const auto event, mover_->next(patience));
    switch (event.kind) {
      case MoverEvent::Kind::kDone:
        return event.body.value("report", nlohmann::json::object()).dump();
      case MoverEvent::Kind::kFailed:
        return failure_of(event.body).error;
      case MoverEvent::Kind::kTimeout:
        if (called_off()) {
          mover_->kill();
          return make_error(ErrorCode::kCancelled,
                            "the migration was called off");
        }
        return make_error(ErrorCode::kTimeout,
                          "the source's mover did not connect in {} s",
                          kMoverConnectTimeout.count() / 1000);
      case MoverEvent::Kind::kWoken:
        mover_->close_stdin();
        patience = kDiscardPatience;
        break;
      case MoverEvent::Kind::kListening:
      case MoverEvent::Kind::kStage:
      case MoverEvent::Kind::kProgress:
        // It lives; from here on a dead link ends it by itself.
        if (!called_off()) patience = std::chrono::milliseconds(-1);
        break;
    }
  }
}

void Arrival::end(Result<std::string> result) {
  const std::lock_guard lock(mutex_);
  result_.emplace(std::move(result));
  mover_.reset();  // its descriptors: an ended arrival is kept for a while
  changed_.notify_all();
}

Arrival::~Arrival() {
  if (!thread_.joinable()) return;
  (void)discard().has_value();
  thread_.join();
}

bool Arrival::ended() const {
  const std::lock_guard lock(mutex_);
  return result_.has_value();
}

Result<std::string> Arrival::outcome() const {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return result_.has_value(); });
  return *result_;
}

Status Arrival::discard() {
  {
    const std::lock_guard lock(mutex_);
    if (!called_off_ && !result_) mover_->wake();
    called_off_ = true;
  }
  if (!outcome()) return {};
  return make_error(ErrorCode::kInvalidArgument,
                    "guest {} runs on host {} already; it was not discarded",
                    name_, host_->name);
}

}  // namespace causeway
