#include "tools/agent/gatekeeper.h"

#include <spdlog/spdlog.h>

namespace causeway {
namespace {

Error refused(const AccessRules& rules, const Caller& caller, const char* what,
              const char* option) {
  if (caller.name.empty()) {
    return make_error(ErrorCode::kPermission,
                      "a caller without a name {} host {}: {}", what,
                      rules.host,
                      caller.local ? "the local socket is for operators"
                                   : "its certificate has no DNS name in its "
                                     "subjectAltName");
  }
  return make_error(ErrorCode::kPermission,
                    "{} {} host {}: `causeway agent {} {}` there would let it",
                    caller.name, what, rules.host, option, caller.name);
}

Status noted(Error error) {
  spdlog::warn("refused: {}", error.message);
  return error;
}

}  // namespace

Status may_operate(const AccessRules& rules, const Caller& caller) {
  if (rules.in_clear || caller.local) return {};
  if (!caller.name.empty() && rules.operators.contains(caller.name)) return {};
  return noted(refused(rules, caller, "may not command", "--operator"));
}

Status may_send_guests(const AccessRules& rules, const Caller& caller) {
  if (rules.in_clear) return {};
  if (!caller.name.empty() && rules.peers.contains(caller.name)) return {};
  return noted(refused(rules, caller, "may not move guests to", "--allow"));
}

Result<control::GuestStatus> Gatekeeper::run_guest(
    const Caller& caller, const control::GuestConfig& config) {
  CAUSEWAY_TRY(may_operate(rules_, caller));
  return agent_->guests().run(config);
}

Result<control::GuestList> Gatekeeper::list_guests(const Caller& caller) {
  CAUSEWAY_TRY(may_operate(rules_, caller));
  return agent_->guests().list();
}

Result<control::CheckReply> Gatekeeper::check_guest(const Caller& caller,
                                                    const std::string& name) {
  CAUSEWAY_TRY(may_operate(rules_, caller));
  return agent_->guests().check(name);
}

Status Gatekeeper::stop_guest(const Caller& caller, const std::string& name) {
  CAUSEWAY_TRY(may_operate(rules_, caller));
  return agent_->guests().stop(name);
}

Status Gatekeeper::break_guest(const Caller& caller,
                               const control::Fault& fault) {
  CAUSEWAY_TRY(may_operate(rules_, caller));
  return agent_->guests().inject(fault);
}

Status Gatekeeper::migrate(const Caller& caller,
                           const control::MigrateRequest& request,
                           const MigrationEventSink& sink) {
  CAUSEWAY_TRY(may_operate(rules_, caller));
  return agent_->departures().migrate(request, sink);
}

Status Gatekeeper::cancel(const Caller& caller, const std::string& migration) {
  CAUSEWAY_TRY(may_operate(rules_, caller));
  return agent_->departures().cancel(migration);
}

Status Gatekeeper::hold(const Caller& caller, const std::string& migration,
                        bool held) {
  CAUSEWAY_TRY(may_operate(rules_, caller));
  return agent_->departures().hold(migration, held);
}

Status Gatekeeper::watch(const Caller& caller, const std::string& migration,
                         const WatchSink& sink) {
  CAUSEWAY_TRY(may_operate(rules_, caller));
  return agent_->departures().watch(migration, sink);
}

Status Gatekeeper::probe(const Caller& caller,
                         const control::ProbeRequest& request,
                         const ProbeSink& sink) {
  CAUSEWAY_TRY(may_operate(rules_, caller));
  return agent_->probes().probe(request, sink);
}

Result<control::AnswerProbeReply> Gatekeeper::answer_probe(
    const Caller& caller, const control::AnswerProbeRequest& request) {
  CAUSEWAY_TRY(may_send_guests(rules_, caller));
  return agent_->probes().answer(caller.name, request);
}

Result<control::ReserveReply> Gatekeeper::reserve(
    const Caller& caller, const control::ReserveRequest& request) {
  CAUSEWAY_TRY(may_send_guests(rules_, caller));
  return agent_->arrivals().reserve(caller.name, request);
}

Result<control::OutcomeReply> Gatekeeper::outcome(
    const Caller& caller, const std::string& migration) {
  CAUSEWAY_TRY(may_send_guests(rules_, caller));
  return agent_->arrivals().outcome(caller.name, migration);
}

Status Gatekeeper::discard(const Caller& caller, const std::string& migration) {
  CAUSEWAY_TRY(may_send_guests(rules_, caller));
  return agent_->arrivals().discard(caller.name, migration);
}

// The target asks, which need not be one whose guests may come here.
Result<control::DecisionReply> Gatekeeper::decision(
    const Caller& caller, const std::string& migration) {
  if (!rules_.in_clear && caller.name.empty()) {
    return refused(rules_, caller, "may not ask", "--allow");
  }
  return agent_->decisions().decision(caller.name, migration);
}

Result<control::CommitReply> Gatekeeper::commit(const Caller& caller,
                                                const std::string& migration) {
  CAUSEWAY_TRY(may_send_guests(rules_, caller));
  return agent_->decisions().commit(caller.name, migration);
}

Result<control::MigrationList> Gatekeeper::list_migrations(
    const Caller& caller) {
  CAUSEWAY_TRY(may_operate(rules_, caller));
  return agent_->decisions().list();
}

Status Gatekeeper::decide(const Caller& caller,
                          const control::DecideRequest& request) {
  CAUSEWAY_TRY(may_operate(rules_, caller));
  return agent_->decisions().decide(request);
}

}  // namespace causeway
