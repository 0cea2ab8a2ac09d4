#include "tools/agent/departure.h"

#include <spdlog/spdlog.h>

#include "engine/base/stop_point.h"
#include "engine/runtime/clock.h"
#include "hypervisor-shim/client/shim_guest.h"
#include "tools/agent/departure_report.h"
#include "tools/agent/guest_disk.h"
#include "tools/agent/guest_json.h"
#include "tools/agent/guest_monitor.h"
#include "tools/agent/kept_image.h"
#include "tools/agent/limits.h"
#include "tools/agent/new_guest.h"
#include "tools/agent/rendezvous.h"
#include "tools/agent/undecided_departure.h"

namespace causeway {

Result<std::unique_ptr<Departure>> Departure::begin(
    Host* host, const control::MigrateRequest& request,
    std::optional<Earlier> earlier) {
  CAUSEWAY_ASSIGN(DeparturePlan plan,
                  DeparturePlan::make(request, host->tls.has_value()));
  CAUSEWAY_ASSIGN(
      GuestTable::Claim claim,
      host->table.claim(request.guest(), GuestPhase::kDeparting, host->name));
  std::unique_ptr<Departure> departure(new Departure(
      host, std::move(plan), std::move(claim), std::move(earlier)));
  CAUSEWAY_ASSIGN(departure->id_, random_hex(8));
  CAUSEWAY_ASSIGN(departure->token_, random_hex(16));
  CAUSEWAY_ASSIGN(departure->target_,
                  AgentClient::create(request.to(), host->tls));
  return departure;
}

Departure::Departure(Host* host, DeparturePlan plan, GuestTable::Claim claim,
                     std::optional<Earlier> earlier)
    : host_(host),
      plan_(std::move(plan)),
      claim_(std::move(claim)),
      name_(claim_.name()),
      target_address_(plan_.request().to()),
      began_(monotonic_now()),
      earlier_(std::move(earlier)) {}

void Departure::cancel() {
  cancelled_ = true;
  const std::lock_guard lock(mover_mutex_);
  if (mover_ != nullptr) mover_->wake();
}

Status Departure::hold(bool held) {
  const std::lock_guard lock(mover_mutex_);
  if (mover_ != nullptr && can_be_held_) return mover_->hold(held);
  return make_error(ErrorCode::kInvalidArgument,
                    "migration {} copies nothing just now: it can be paused "
                    "while the guest runs and is copied",
                    id_);
}

Status Departure::run(const MigrationEventSink& sink) {
  news_.emplace(&host_->watchers, sink, id_, name_);
  news_->stage("reservation");
  {
    const std::lock_guard lock(mover_mutex_);
    // It loads while the target reserves.
    CAUSEWAY_ASSIGN(mover_, MoverProcess::start(host_->program_folder));
    if (cancelled_) mover_->wake();
  }
  CAUSEWAY_TRY(begin_row());
  if (Status reserved = reserve(); !reserved) {
    return not_moved({std::move(reserved).error(), "source"});
  }
  const nlohmann::json last = follow_mover();
  end_mover();
  learn_loss();
  if (text_member(last, "event") != "done") {
    Error error = not_moved(failure_of(last));
    given_up_ =
        second_thoughts_.has_value() && error.code == ErrorCode::kCancelled;
    return error;
  }
  auto report = last.value("report", nlohmann::json::object());
  if (plan_.request().dry_run()) return end_dry_run(report);
  host_->metrics.moved(moved_counts(report));
  complete(&report);
  remove_guest();
  news_->report(report);
  return {};
}

Status Departure::end_dry_run(const nlohmann::json& report) {
  conclude_departure(host_, id_, std::move(claim_), "a dry run");
  CAUSEWAY_TRY(target_->discard(id_));
  news_->report(report);
  return {};
}

// From here on the journal alone says how far it came.
void Departure::end_mover() {
  const std::lock_guard lock(mover_mutex_);
  mover_->finish(kMoverCancelTimeout);
}

JournalEntry Departure::row() const {
  JournalEntry entry;
  entry.migration = id_;
  entry.role = MigrationRole::kSource;
  entry.guest = name_;
  entry.peer = target_address_;
  return entry;
}

Status Departure::begin_row() {
  JournalEntry entry = row();
  entry.boot = boot_id();
  entry.mover_pid = mover_->pid();
  entry.mover_start_ticks = mover_->start_ticks();
  return host_->journal.begin(entry);
}

Status Departure::choose_way() {
  if (plan_.path_is_open()) {
    CAUSEWAY_ASSIGN(const Duration rtt, target_->round_trip());
    const PathDecision path = plan_.choose_path(rtt);
    spdlog::info("migration {}: path {}: {}", id_, path.kind, path.why);
  }
  const auto congestion = plan_.choose_congestion(
      host_->losses.recall(target_address_, monotonic_now()));
  if (congestion) {
    spdlog::info("migration {}: congestion {}: {}", id_, congestion->name,
                 congestion->why);
  }
  return {};
}

Status Departure::take_fabrics(const FabricNames& names) {
  CAUSEWAY_TRY(plan_.take_fabrics(host_->rdma, names));
  if (!plan_.fabrics().empty()) {
    spdlog::info("migration {}: path rdma over fabric {}, unencrypted", id_,
                 fabric_names(plan_.fabrics()));
  } else if (plan_.misses_rdma(host_->rdma)) {
    spdlog::info("migration {}: not by rdma: {} trusts none of {}", id_,
                 target_name_, host_->rdma.names());
  }
  return {};
}

// A mover cannot change the controller of a connection that is under way, and
// lanes that replace each other would cost every move over an unknown line
// their window. Beginning anew costs what was sent, and that only where the
// line is bad.
void Departure::reconsider(const nlohmann::json& progress) {
  line_.see(progress, monotonic_now());
  if (!plan_.on_trial() || second_thoughts_ || told_to_cancel_) return;
  second_thoughts_ = line_.second_thoughts();
  if (!second_thoughts_) return;
  spdlog::info("migration {} will begin anew with bbr: {}", id_,
               *second_thoughts_);
}

std::optional<Departure::Next> Departure::next() const {
  if (!given_up_ || cancelled_ || news_->caller_has_gone()) return std::nullopt;
  const Duration spent = monotonic_now() - began_;
  return Next{plan_.anew(spent), {id_, *second_thoughts_, seconds(spent)}};
}

Status Departure::reserve() {
  CAUSEWAY_TRY(choose_way());
  CAUSEWAY_ASSIGN(const control::ReserveRequest request, reservation());
  const auto reserved = target_->reserve(request);
  reserved_ = reserved || reserved.error().code != ErrorCode::kUnreachable;
  if (!reserved) return reserved.error();
  const control::ReserveReply& reply = reserved->reply;
  target_name_ = reserved->agent_name;
  CAUSEWAY_TRY(host_->journal.set_peer_name(id_, target_name_));
  CAUSEWAY_TRY(take_fabrics(reply.rdma_fabrics()));
  if (Status met = take_addresses(reply); met) {
    if (Status given = give_spec(); given) return {};
  }
  return make_error(ErrorCode::kInternal,
                    "the movers were not brought "
                    "together ({})",
                    reply.mover_address());
}

Status Departure::take_addresses(const control::ReserveReply& reply) {
  CAUSEWAY_ASSIGN(peer_,
                  reachable_mover(reply.mover_address(), target_address_));
  for (const std::string& address : reply.lane_addresses()) {
    CAUSEWAY_ASSIGN(std::string lane,
                    reachable_mover(address, target_address_));
    lane_peers_.push_back(std::move(lane));
  }
  return {};
}

Result<control::ReserveRequest> Departure::reservation() const {
  const GuestView view = claim_.view();
  const GuestPaths paths = host_->store.paths(name_);
  CAUSEWAY_TRY(check_whole_disk(view.record.config, paths.disk, host_->name));
  control::ReserveRequest request;
  plan_.ask(&request, host_->wan, host_->rdma);
  request.set_migration(id_);
  request.set_token(token_);
  request.set_source_agent(host_->address());
  *request.mutable_config() = view.record.config;
  CAUSEWAY_ASSIGN(const auto guest, ShimGuest::connect(paths.shim_socket));
  if (auto died = guest->died()) return *died;
  const std::vector<std::byte>& features = guest->spec().features;
  request.set_features(features.data(), features.size());
  return request;
}

Status Departure::give_spec() {
  nlohmann::json spec = {{"role", "source"},
                         {"migration", id_},
                         {"guest", name_},
                         {"shim_socket", host_->store.paths(name_).shim_socket},
                         {"journal", host_->store.journal()},
                         {"peer", peer_},
                         {"token", token_}};
  add_tls(&spec, host_->tls, target_name_);
  plan_.tell(&spec, host_->wan, host_->rdma, lane_peers_);
  return mover_->give_spec(spec);
}

nlohmann::json Departure::follow_mover() {
  std::chrono::milliseconds patience(-1);
  for (;;) {
    auto event = mover_->next(patience);
    if (!event) {
      return {{"event", "failed"},
              {"code", error_code_name(event.error().code)},
              {"message", event.error().message}};
    }
    switch (event->kind) {
      case MoverEvent::Kind::kDone:
      case MoverEvent::Kind::kFailed:
        return event->body;
      case MoverEvent::Kind::kTimeout:
        // It was told to cancel and does not.
        mover_->kill();
        break;
      default:
        pass_on(*event);
    }
    const bool over =
        cancelled_ || news_->caller_has_gone() || second_thoughts_;
    if (over && !told_to_cancel_) {
      told_to_cancel_ = true;
      patience = kMoverCancelTimeout;
      // A mover that is gone says so by the end of its stdout.
      (void)mover_->cancel().has_value();
    }
  }
}

Error Departure::not_moved(MoverFailure failure) {
  Error& error = failure.error;
  if (failure.guest_at == "target") {
    keep_image(host_, id_, std::move(claim_), error.message);
    return kept_image_error(*host_, name_, error.message);
  }
  if (mover_ != nullptr) end_mover();
  if (conclude_departure(host_, id_, std::move(claim_), error.message) ==
      DepartureEnd::kUndecided) {
    return undecided_error(*host_, row(), error.message);
  }
  if (reserved_) {
    if (Status status = target_->discard(id_); !status) {
      spdlog::warn("discarding {} at {}: {}", name_, target_address_,
                   status.error().message);
    }
  }
  error.message +=
      error.code == ErrorCode::kGuestDied
          ? fmt::format(
                "; guest {} is dead at {}, nothing of it "
                "is at the target",
                name_, host_->name)
          : fmt::format("; guest {} runs on at {}", name_, host_->name);
  return std::move(error);
}

void Departure::pass_on(const MoverEvent& event) {
  if (event.kind == MoverEvent::Kind::kStage) {
    const std::string stage = text_member(event.body, "stage");
    can_be_held_ = stage == "pre-copy";
    // We have told of the reservation when it began, and the end is ours.
    if (stage != "reservation" && stage != "done") news_->stage(stage);
  }
  if (event.kind == MoverEvent::Kind::kProgress) {
    reconsider(event.body);
    news_->progress(event.body);
  }
}

// Adds what only the agents can say.
void Departure::complete(nlohmann::json* report) {
  if (plan_.goes_by("wan")) {
    (*report)["congestion"] = plan_.request().path().congestion();
  }
  if (earlier_) add_begun_anew(report, earlier_->why, earlier_->seconds);
  const auto outcome = target_->outcome(id_);
  if (!outcome) {
    spdlog::warn("guest {} has moved; the target's agent does not answer: {}",
                 name_, outcome.error().message);
    (*report)["target_says"] = outcome.error().message;
    return;
  }
  const auto paths = host_->store.paths(name_);
  add_outcome(report, *outcome, monitor_status(paths.monitor_socket));
}

void Departure::learn_loss() {
  if (!plan_.goes_by("wan")) return;
  host_->losses.remember(target_address_, line_.loss(), monotonic_now());
}

void Departure::remove_guest() {
  stop_point("agent.discard");
  const auto paths = host_->store.paths(name_);
  auto vmm = claim_.drop();
  if (vmm) stop_vmm(&*vmm, paths.monitor_socket);
  host_->store.remove(name_);
  const Status done =
      host_->journal.record(id_, MigrationRecord::kCommitted,
                            MigrationRecord::kDiscarded, Durability::kWritten);
  if (!done) spdlog::error("{}", done.error().message);
  spdlog::info("guest {} has moved to {}", name_, target_address_);
}

}  // namespace causeway
