#include "tools/agent/arrivals.h"

#include <spdlog/spdlog.h>

#include <algorithm>

#include "tools/agent/guest_status.h"
#include "tools/agent/limits.h"
#include "tools/agent/peer_check.h"

namespace causeway {

void Arrivals::stop() {
  std::vector<std::string> arriving;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    for (const auto& [id, arrival] : arrivals_) arriving.push_back(id);
  }
  for (const std::string& id : arriving) {
    // Refused for those that have arrived: they stay.
    (void)discard(id).has_value();
  }
}

std::shared_ptr<Arrival> Arrivals::find(const std::string& migration) const {
  const std::lock_guard lock(mutex_);
  const auto place = arrivals_.find(migration);
  return place == arrivals_.end() ? nullptr : place->second;
}

bool Arrivals::under_way(const std::string& migration) const {
  const auto arrival = find(migration);
  return arrival != nullptr && !arrival->ended();
}

size_t Arrivals::count_under_way() const {
  const std::lock_guard lock(mutex_);
  return static_cast<size_t>(
      std::count_if(arrivals_.begin(), arrivals_.end(),
                    [](const auto& held) { return !held.second->ended(); }));
}

Result<control::ReserveReply> Arrivals::reserve(
    const std::string& peer, const control::ReserveRequest& request) {
  CAUSEWAY_ASSIGN(auto arrival, Arrival::reserve(host_, peer, request));
  spdlog::info("guest {} is expected: migration {}", request.config().name(),
               request.migration());
  control::ReserveReply reply;
  reply.set_mover_address(arrival->mover_address());
  for (const std::string& address : arrival->lane_addresses()) {
    reply.add_lane_addresses(address);
  }
  for (const RdmaFabric& fabric : arrival->rdma_fabrics()) {
    reply.add_rdma_fabrics(fabric.name);
  }
  const std::lock_guard lock(mutex_);
  if (stopping_) {
    return make_error(ErrorCode::kCancelled, "the agent of {} is stopping",
                      host_->name);
  }
  if (!arrivals_.try_emplace(request.migration(), std::move(arrival)).second) {
    return make_error(ErrorCode::kAlreadyExists,
                      "migration {} is known already", request.migration());
  }
  order_.push_back(request.migration());
  forget_old();
  return reply;
}

void Arrivals::forget_old() {
  for (auto at = order_.begin();
       order_.size() > kEndedArrivalsMax && at != order_.end();) {
    const auto place = arrivals_.find(*at);
    if (!place->second->ended()) {
      ++at;
      continue;
    }
    arrivals_.erase(place);
    at = order_.erase(at);
  }
}

Result<control::OutcomeReply> Arrivals::outcome(const std::string& peer,
                                                const std::string& migration) {
  CAUSEWAY_TRY(
      check_peer(host_->journal, peer, migration, MigrationRole::kTarget));
  const auto arrival = find(migration);
  if (arrival == nullptr) {
    return make_error(ErrorCode::kNotFound, "host {} knows no migration {}",
                      host_->name, migration);
  }
  CAUSEWAY_ASSIGN(const std::string report, arrival->outcome());
  control::OutcomeReply reply;
  reply.set_target_json(report);
  if (const auto view = host_->table.find(arrival->guest_name())) {
    *reply.mutable_guest() = guest_status(*host_, *view);
  }
  return reply;
}

Status Arrivals::discard(const std::string& peer,
                         const std::string& migration) {
  CAUSEWAY_TRY(
      check_peer(host_->journal, peer, migration, MigrationRole::kTarget));
  return discard(migration);
}

Status Arrivals::discard(const std::string& migration) {
  if (const auto arrival = find(migration)) CAUSEWAY_TRY(arrival->discard());
  if (!host_->undecided.has(migration)) return {};
  Status done = host_->undecided.carry_out(migration, Verdict::kStayAtSource);
  if (!done && done.error().code == ErrorCode::kNotFound) return {};
  return done;
}

}  // namespace causeway
