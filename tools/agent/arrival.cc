#include "tools/agent/arrival.h"

#include <spdlog/spdlog.h>

#include <span>

#include "hypervisor-shim/client/shim_guest.h"
#include "tools/agent/guest_json.h"
#include "tools/agent/guest_monitor.h"
#include "tools/agent/limits.h"

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
    Host* host, const control::ReserveRequest& request) {
  std::unique_ptr<Arrival> arrival(new Arrival(host));
  CAUSEWAY_TRY(arrival->prepare(request));
  arrival->thread_ = std::thread(&Arrival::listen_to_mover, arrival.get());
  return arrival;
}

Status Arrival::prepare(const control::ReserveRequest& request) {
  CAUSEWAY_ASSIGN(const control::GuestConfig config, arriving_config(request));
  name_ = config.name();
  CAUSEWAY_ASSIGN(guest_, NewGuest::begin(host_, config, request.migration()));
  // Both programs load while we wait for the shell.
  CAUSEWAY_ASSIGN(mover_, MoverProcess::start(host_->program_folder));
  CAUSEWAY_TRY(guest_->await_ready());
  CAUSEWAY_TRY(check_features(request.features()));
  CAUSEWAY_TRY(mover_->give_spec({{"role", "target"},
                                  {"migration", request.migration()},
                                  {"guest", name_},
                                  {"shim_socket", guest_->paths().shim_socket},
                                  {"listen", host_->mover_listen},
                                  {"token", request.token()},
                                  {"streams", request.streams()}}));
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
    return {};
  }
  if (event.kind == MoverEvent::Kind::kFailed) {
    return failure_of(event.body).error;
  }
  return make_error(ErrorCode::kTimeout,
                    "the target's mover did not begin to listen");
}

void Arrival::listen_to_mover() {
  auto result = follow_mover();
  if (!result) {
    spdlog::info("guest {} did not arrive: {}", name_, result.error().message);
    mover_->finish(kMoverCancelTimeout);
    guest_.reset();
  } else if (Status settled = guest_->settle(); !settled) {
    // It runs; a restarted agent would take it for unfinished.
    spdlog::error("guest {} runs here but its record is not written: {}", name_,
                  settled.error().message);
    result = settled.error();
    mover_->finish(kMoverCancelTimeout);
  } else {
    spdlog::info("guest {} has arrived and runs here", name_);
    mover_->finish(kMoverCancelTimeout);
    guest_.reset();
  }
  end(std::move(result));
}

// Until the mover's end: its report when the guest runs here.
Result<std::string> Arrival::follow_mover() {
  auto patience = kMoverConnectTimeout;
  for (;;) {
    auto event = mover_->next(patience);
    if (!event) {
      if (runs_here("")) return std::string("{}");
      return std::move(event).error();
    }
    switch (event->kind) {
      case MoverEvent::Kind::kDone:
        return event->body.value("report", nlohmann::json::object()).dump();
      case MoverEvent::Kind::kFailed: {
        const MoverFailure failure = failure_of(event->body);
        if (runs_here(failure.guest_at)) return std::string("{}");
        return failure.error;
      }
      case MoverEvent::Kind::kTimeout:
        return make_error(ErrorCode::kTimeout,
                          "the source's mover did not connect in {} s",
                          kMoverConnectTimeout.count() / 1000);
      case MoverEvent::Kind::kWoken:
        mover_->close_stdin();
        break;
      case MoverEvent::Kind::kListening:
      case MoverEvent::Kind::kStage:
      case MoverEvent::Kind::kProgress:
        // It lives; from here on a dead link ends it by itself.
        patience = std::chrono::milliseconds(-1);
        break;
    }
  }
}

// A mover can fail after it has set the guest running; the VMM's own word
// counts: a shell that was never resumed says "incoming".
bool Arrival::runs_here(const std::string& guest_at) {
  if (guest_at == "source" || guest_at == "frozen") return false;
  const auto status = monitor_status(guest_->paths().monitor_socket);
  return status && text_member(*status, "state") != "incoming";
}

void Arrival::end(Result<std::string> result) {
  const std::lock_guard lock(mutex_);
  result_.emplace(std::move(result));
  changed_.notify_all();
}

Arrival::~Arrival() {
  if (!thread_.joinable()) return;
  if (!ended()) mover_->wake();
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
    if (!discarding_ && !result_) mover_->wake();
    discarding_ = true;
  }
  if (!outcome()) return {};
  return make_error(ErrorCode::kInvalidArgument,
                    "guest {} runs on host {} already; it was not discarded",
                    name_, host_->name);
}

}  // namespace causeway
