#include "tools/agent/departure.h"

#include <fcntl.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>

#include "engine/base/limits.h"
#include "engine/base/stop_point.h"
#include "engine/policy/codec_options.h"
#include "engine/policy/congestion_choice.h"
#include "engine/policy/dedup_choice.h"
#include "engine/policy/path_choice.h"
#include "engine/runtime/clock.h"
#include "hypervisor-shim/client/shim_guest.h"
#include "tools/agent/guest_json.h"
#include "tools/agent/guest_monitor.h"
#include "tools/agent/kept_image.h"
#include "tools/agent/limits.h"
#include "tools/agent/new_guest.h"
#include "tools/agent/path_wish.h"
#include "tools/agent/rendezvous.h"
#include "tools/agent/undecided_departure.h"

namespace causeway {
namespace {

// A client that does not know of codecs says nothing.
// What is encoded is not written in place: on rdma only if asked for.
std::string codec_of(const control::MigrateRequest& request) {
  const std::string automatic =
      request.path().kind() == "rdma" ? "none" : "auto";
  const bool is_auto = request.codec().empty() || request.codec() == "auto";
  return is_auto ? automatic : request.codec();
}

std::string dedup_of(const control::MigrateRequest& request) {
  const std::string automatic =
      request.path().kind() == "rdma" ? "off" : "auto";
  const bool is_auto = request.dedup().empty() || request.dedup() == "auto";
  return is_auto ? automatic : request.dedup();
}

Status check_request(const control::MigrateRequest& request) {
  const auto invalid = [](std::string message) {
    return Error{ErrorCode::kInvalidArgument, std::move(message)};
  };
  if (request.mode() != "pre-copy" && request.mode() != "stop-and-copy") {
    return invalid(
        fmt::format("\"{}\" is no mode; there are pre-copy and stop-and-copy",
                    request.mode()));
  }
  if (request.proof() != "landed" && request.proof() != "frozen" &&
      request.proof() != "strict") {
    return invalid(
        fmt::format("\"{}\" is no proof; there are landed, frozen and strict",
                    request.proof()));
  }
  if (request.streams() == 0 || request.streams() > kStreamsMax) {
    return invalid(fmt::format("{} streams are not possible; take 1 to {}",
                               request.streams(), kStreamsMax));
  }
  if (request.max_blackout_us() == 0) {
    return invalid("a blackout of at most 0 is not possible");
  }
  CAUSEWAY_TRY(parse_codec(codec_of(request)));
  if (!dedup_mode_from_name(dedup_of(request))) {
    return invalid(
        fmt::format("\"{}\" is no way to dedup; there are auto, on "
                    "and off",
                    request.dedup()));
  }
  return {};
}

control::MigrationEvent stage_event(const std::string& stage) {
  control::MigrationEvent event;
  event.set_stage(stage);
  return event;
}

control::MigrationEvent progress_event(const nlohmann::json& body) {
  control::MigrationEvent event;
  control::Progress* progress = event.mutable_progress();
  progress->set_stage(text_member(body, "stage"));
  progress->set_round(static_cast<uint32_t>(count_member(body, "round")));
  progress->set_sent_bytes(count_member(body, "sent_bytes"));
  progress->set_wire_bytes(count_member(body, "wire_bytes"));
  progress->set_remaining_bytes(count_member(body, "remaining_bytes"));
  progress->set_total_bytes(count_member(body, "total_bytes"));
  progress->set_dirty_bytes_s(number_member(body, "dirty_bytes_s"));
  progress->set_rate_bytes_s(number_member(body, "rate_bytes_s"));
  progress->set_eta_s(number_member(body, "eta_s", -1));
  progress->set_held(flag_member(body, "held"));
  return event;
}

}  // namespace

Result<std::unique_ptr<Departure>> Departure::begin(
    Host* host, const control::MigrateRequest& request,
    std::optional<Earlier> earlier) {
  CAUSEWAY_TRY(check_request(request));
  CAUSEWAY_TRY(check_path_wish(request.path(), host->tls.has_value()));
  CAUSEWAY_ASSIGN(
      GuestTable::Claim claim,
      host->table.claim(request.guest(), GuestPhase::kDeparting, host->name));
  std::unique_ptr<Departure> departure(
      new Departure(host, request, std::move(claim), std::move(earlier)));
  CAUSEWAY_ASSIGN(departure->id_, random_hex(8));
  CAUSEWAY_ASSIGN(departure->token_, random_hex(16));
  CAUSEWAY_ASSIGN(departure->target_,
                  AgentClient::create(request.to(), host->tls));
  return departure;
}

Departure::Departure(Host* host, const control::MigrateRequest& request,
                     GuestTable::Claim claim, std::optional<Earlier> earlier)
    : host_(host),
      request_(request),
      claim_(std::move(claim)),
      name_(claim_.name()),
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
  control::MigrationEvent started;
  started.set_started(id_);
  emit(sink, started);
  emit(sink, stage_event("reservation"));
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
  nlohmann::json last = follow_mover(sink);
  end_mover();
  learn_loss();
  if (text_member(last, "event") != "done") {
    Error error = not_moved(failure_of(last));
    given_up_ =
        second_thoughts_.has_value() && error.code == ErrorCode::kCancelled;
    return error;
  }
  if (request_.dry_run()) return end_dry_run(last["report"], sink);
  count(last["report"]);
  control::MigrationEvent report;
  report.set_report_json(
      complete_report(last.value("report", nlohmann::json::object())).dump());
  remove_guest();
  emit(sink, report);
  return {};
}

Status Departure::end_dry_run(const nlohmann::json& report,
                              const MigrationEventSink& sink) {
  conclude_departure(host_, id_, std::move(claim_), "a dry run");
  CAUSEWAY_TRY(target_->discard(id_));
  control::MigrationEvent last;
  last.set_report_json(report.dump());
  emit(sink, last);
  return {};
}

// From here on the journal alone says how far it came.
void Departure::end_mover() {
  const std::lock_guard lock(mover_mutex_);
  mover_->finish(kMoverCancelTimeout);
}

Status Departure::begin_row() {
  JournalEntry entry;
  entry.migration = id_;
  entry.role = MigrationRole::kSource;
  entry.guest = name_;
  entry.peer = request_.to();
  entry.boot = boot_id();
  entry.mover_pid = mover_->pid();
  entry.mover_start_ticks = mover_->start_ticks();
  return host_->journal.begin(entry);
}

Status Departure::choose_path() {
  const std::string& kind = request_.path().kind();
  if (!kind.empty() && kind != "auto") return {};
  CAUSEWAY_ASSIGN(const Duration rtt, target_->round_trip());
  const PathDecision decision =
      causeway::choose_path({rtt, host_->tls.has_value()});
  spdlog::info("migration {}: path {}: {}", id_, decision.kind, decision.why);
  request_.mutable_path()->set_kind(decision.kind);
  rdma_would_do_ = decision.kind == "tcp";
  return {};
}

// The target has the last word: it knows what both trust.
void Departure::take_fabric(const control::ReserveReply& reply) {
  const bool may = request_.path().kind() == "rdma" || rdma_would_do_;
  fabric_ = may ? host_->rdma.find(reply.rdma_fabric()) : nullptr;
  if (fabric_ != nullptr) {
    spdlog::info("migration {}: path rdma over fabric {}, unencrypted", id_,
                 fabric_->name);
    request_.mutable_path()->set_kind("rdma");
  } else if (rdma_would_do_ && !host_->rdma.fabrics.empty()) {
    spdlog::info("migration {}: not by rdma: {} trusts none of {}", id_,
                 target_name_, host_->rdma.names());
  }
}

void Departure::choose_congestion() {
  const control::PathWish& wish = request_.path();
  const bool automatic =
      wish.congestion().empty() || wish.congestion() == "auto";
  if (wish.kind() != "wan" || !automatic) return;
  const CongestionDecision decision = causeway::choose_congestion(
      {host_->losses.recall(request_.to(), monotonic_now())});
  spdlog::info("migration {}: congestion {}: {}", id_, decision.name,
               decision.why);
  request_.mutable_path()->set_congestion(decision.name);
  on_trial_ = decision.name == "bbr2" && !request_.dry_run();
}

// A mover cannot change the controller of a connection that is under way, and
// lanes that replace each other would cost every move over an unknown line
// their window. Beginning anew costs what was sent, and that only where the
// line is bad.
void Departure::reconsider(const nlohmann::json& progress) {
  line_.see(progress, monotonic_now());
  if (!on_trial_ || second_thoughts_ || told_to_cancel_) return;
  second_thoughts_ = line_.second_thoughts();
  if (!second_thoughts_) return;
  spdlog::info("migration {} will begin anew with bbr: {}", id_,
               *second_thoughts_);
}

std::optional<Departure::Next> Departure::next() const {
  if (!given_up_ || cancelled_ || caller_gone_) return std::nullopt;
  const double spent_s = seconds(monotonic_now() - began_);
  Next next{request_, {id_, *second_thoughts_, spent_s}};
  next.request.mutable_path()->set_congestion("bbr");
  if (const uint64_t limit_us = request_.time_limit_us(); limit_us > 0) {
    const auto spent_us = static_cast<uint64_t>(1e6 * spent_s);
    next.request.set_time_limit_us(limit_us - std::min(limit_us - 1, spent_us));
  }
  return next;
}

Status Departure::reserve() {
  CAUSEWAY_TRY(choose_path());
  choose_congestion();
  CAUSEWAY_ASSIGN(const control::ReserveRequest request, reservation());
  const auto reserved = target_->reserve(request);
  reserved_ = reserved || reserved.error().code != ErrorCode::kUnreachable;
  if (!reserved) return reserved.error();
  const control::ReserveReply& reply = reserved->reply;
  target_name_ = reserved->agent_name;
  CAUSEWAY_TRY(host_->journal.set_peer_name(id_, target_name_));
  take_fabric(reply);
  if (Status met = take_addresses(reply); met) {
    if (Status given = give_spec(); given) return {};
  }
  return make_error(ErrorCode::kInternal,
                    "the movers were not brought "
                    "together ({})",
                    reply.mover_address());
}

// A disk that lost its end under the guest is better refused now than found
// in mid-move.
Status Departure::check_disk() const {
  const control::GuestConfig config = claim_.view().record.config;
  if (config.disk_bytes() == 0) return {};
  const std::string path = config.disk_path().empty()
                               ? host_->store.paths(name_).disk
                               : config.disk_path();
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return errno_error(errno, "opening the disk " + path);
  const off_t end = lseek(fd.get(), 0, SEEK_END);
  if (end < 0) return errno_error(errno, "the size of the disk " + path);
  if (static_cast<uint64_t>(end) >= config.disk_bytes()) return {};
  return make_error(ErrorCode::kIo,
                    "the disk {} of guest {} has {} bytes now, not the {} "
                    "that the guest knows; it cannot be read to its end; "
                    "guest {} runs on at {}",
                    path, name_, end, config.disk_bytes(), name_, host_->name);
}

Status Departure::take_addresses(const control::ReserveReply& reply) {
  CAUSEWAY_ASSIGN(peer_, reachable_mover(reply.mover_address(), request_.to()));
  for (const std::string& address : reply.lane_addresses()) {
    CAUSEWAY_ASSIGN(std::string lane, reachable_mover(address, request_.to()));
    lane_peers_.push_back(std::move(lane));
  }
  return {};
}

Result<control::ReserveRequest> Departure::reservation() const {
  CAUSEWAY_TRY(check_disk());
  const GuestView view = claim_.view();
  control::ReserveRequest request;
  request.set_migration(id_);
  request.set_token(token_);
  request.set_streams(request_.streams());
  *request.mutable_path() = request_.path();
  if (request_.path().kind() == "wan") request.set_lanes(host_->wan.lanes());
  if (request_.path().kind() == "rdma" || rdma_would_do_) {
    for (const RdmaFabric& fabric : host_->rdma.fabrics) {
      request.add_rdma_fabrics(fabric.name);
    }
  }
  request.set_source_agent(host_->address());
  *request.mutable_config() = view.record.config;
  CAUSEWAY_ASSIGN(const auto guest,
                  ShimGuest::connect(host_->store.paths(name_).shim_socket));
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
                         {"token", token_},
                         {"streams", request_.streams()},
                         {"bandwidth_bytes_s", request_.bandwidth_bytes_s()},
                         {"codec", codec_of(request_)},
                         {"dedup", dedup_of(request_)},
                         {"mode", request_.mode()},
                         {"max_blackout_us", request_.max_blackout_us()},
                         {"proof", request_.proof()},
                         {"time_limit_us", request_.time_limit_us()},
                         {"dry_run", request_.dry_run() ? 1u : 0u}};
  add_tls(&spec, host_->tls, target_name_);
  add_path(&spec, request_.path(), host_->wan.first_port());
  // A target with one endpoint has no lanes, one with ports may have fewer.
  const auto lanes =
      std::min(host_->wan.lanes(), static_cast<uint32_t>(lane_peers_.size()));
  add_lanes(&spec, host_->wan, lanes, "", lane_peers_);
  if (fabric_ != nullptr) {
    add_rdma(&spec, host_->rdma, *fabric_, !rdma_would_do_);
  }
  return mover_->give_spec(spec);
}

nlohmann::json Departure::follow_mover(const MigrationEventSink& sink) {
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
        pass_on(*event, sink);
    }
    const bool over = cancelled_ || caller_gone_ || second_thoughts_;
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
    return undecided(error.message);
  }
  if (reserved_) {
    if (Status status = target_->discard(id_); !status) {
      spdlog::warn("discarding {} at {}: {}", name_, request_.to(),
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

// The agents find out by themselves, often at once.
Error Departure::undecided(const std::string& message) {
  if (host_->undecided.await(id_, kUndecidedWait)) {
    auto found = host_->journal.find(id_);
    const JournalEntry entry =
        found && *found ? std::move(**found) : JournalEntry();
    const bool back = entry.record == MigrationRecord::kAborted;
    // Only what the proof has found is a reason beside that record.
    if (entry.record == MigrationRecord::kDiscarded && !entry.why.empty())
      return kept_image_error(*host_, name_, entry.why);
    return make_error(
        ErrorCode::kConnectionLost,
        "the movers lost each other after commitment ({}); "
        "guest {} {}",
        message, name_,
        back ? "never ran at the target and runs on at " + host_->name
             : "runs at " + request_.to() + ", nothing of it is left here");
  }
  return make_error(ErrorCode::kConnectionLost,
                    "{}; guest {} is frozen at {}: the target may run it ({}). "
                    "It goes on being asked; `causeway status --agent` shows "
                    "it, and the command that decides it",
                    message, name_, host_->name,
                    host_->undecided.reasons()[id_]);
}

void Departure::pass_on(const MoverEvent& event,
                        const MigrationEventSink& sink) {
  if (event.kind == MoverEvent::Kind::kStage) {
    const std::string stage = text_member(event.body, "stage");
    can_be_held_ = stage == "pre-copy";
    // We have told of the reservation when it began, and the end is ours.
    if (stage != "reservation" && stage != "done") {
      emit(sink, stage_event(stage));
    }
  }
  if (event.kind == MoverEvent::Kind::kProgress) {
    reconsider(event.body);
    emit(sink, progress_event(event.body));
  }
}

void Departure::emit(const MigrationEventSink& sink,
                     const control::MigrationEvent& event) {
  control::WatchEvent seen;
  seen.set_migration(id_);
  seen.set_guest(name_);
  *seen.mutable_event() = event;
  host_->watchers.publish(seen);
  if (!caller_gone_ && !sink(event)) {
    caller_gone_ = true;
    spdlog::warn("the caller of the migration of {} has gone",
                 request_.guest());
  }
}

// Adds what only the agents can say.
nlohmann::json Departure::complete_report(nlohmann::json report) {
  if (request_.path().kind() == "wan") {
    report["congestion"] = request_.path().congestion();
  }
  if (earlier_) {
    report["begun_anew"] = {{"why", earlier_->why},
                            {"seconds", earlier_->seconds}};
    report["total_s"] = number_member(report, "total_s") + earlier_->seconds;
  }
  const auto outcome = target_->outcome(id_);
  if (!outcome) {
    spdlog::warn("guest {} has moved; the target's agent does not answer: {}",
                 request_.guest(), outcome.error().message);
    report["target_says"] = outcome.error().message;
    return report;
  }
  const control::GuestStatus& guest = outcome->guest();
  const auto monitor = parse_object(guest.monitor_json());
  if (const auto lost = steps_lost(monitor)) report["guest_steps_lost"] = *lost;
  report["guest_blackout_ms"] = guest.blackout_ms();
  const auto target = parse_object(outcome->target_json());
  if (!target.empty()) report["target"] = target;
  return report;
}

// The frozen guest's step counters against those that the target began with.
// Nothing when one of the two does not say.
std::optional<uint64_t> Departure::steps_lost(
    const nlohmann::json& target) const {
  const auto paths = host_->store.paths(name_);
  const auto here = monitor_status(paths.monitor_socket);
  if (!here) return std::nullopt;
  const auto last = counts_member(*here, "steps");
  const auto first = counts_member(target, "arrived_steps");
  if (last.empty() || first.size() != last.size()) return std::nullopt;
  uint64_t lost = 0;
  for (size_t i = 0; i < last.size(); ++i) {
    lost += last[i] - std::min(last[i], first[i]);
  }
  return lost;
}

void Departure::count(const nlohmann::json& report) {
  MovedCounts counts;
  if (const auto rounds = report.find("rounds"); rounds != report.end()) {
    counts.rounds = rounds->size();
  }
  const auto bytes = report.value("bytes", nlohmann::json::object());
  counts.state_bytes = count_member(bytes, "state");
  counts.wire_bytes = count_member(bytes, "wire");
  counts.blackout_s = number_member(report, "blackout_ms") / 1e3;
  host_->metrics.moved(counts);
}

void Departure::learn_loss() {
  if (request_.path().kind() != "wan") return;
  host_->losses.remember(request_.to(), line_.loss(), monotonic_now());
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
  spdlog::info("guest {} has moved to {}", name_, request_.to());
}

}  // namespace causeway
