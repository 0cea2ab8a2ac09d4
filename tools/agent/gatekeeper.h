// Gatekeeper: between the gRPC front and the agent: who may ask for what.
//
//   operators   the agent's own certificate, --operator NAME, the local socket
//               run, list, check, stop, migrate, cancel, pause, watch, status,
//               decide, probe
//   peers       --allow NAME: other agents, whose guests may come here
//               reserve, outcome, discard, commit, answer probe
//   any host    with a certificate of the CA: what became of a migration that
//               goes to it (decision)
//
// In the clear there are no names, and everyone may do everything.
//
// Thread-safe: it changes nothing.
#pragma once

#include <set>
#include <string>

#include "engine/control/handler.h"
#include "tools/agent/agent.h"

namespace causeway {

struct AccessRules {
  bool in_clear = false;
  std::string host;                 // the agent's, for the sentences
  std::set<std::string> operators;  // names of certificates
  std::set<std::string> peers;
};

// An Error says who called and which option would let it in.
Status may_operate(const AccessRules& rules, const Caller& caller);
Status may_send_guests(const AccessRules& rules, const Caller& caller);

class Gatekeeper final : public GuestHandler, public MigrationHandler {
 public:
  Gatekeeper(Agent* agent, AccessRules rules)
      : agent_(agent), rules_(std::move(rules)) {}

  Result<control::GuestStatus> run_guest(
      const Caller& caller, const control::GuestConfig& config) override;
  Result<control::GuestList> list_guests(const Caller& caller) override;
  Result<control::CheckReply> check_guest(const Caller& caller,
                                          const std::string& name) override;
  Status stop_guest(const Caller& caller, const std::string& name) override;
  Status break_guest(const Caller& caller,
                     const control::Fault& fault) override;

  Status migrate(const Caller& caller, const control::MigrateRequest& request,
                 const MigrationEventSink& sink) override;
  Status cancel(const Caller& caller, const std::string& migration) override;
  Status hold(const Caller& caller, const std::string& migration,
              bool held) override;
  Status watch(const Caller& caller, const std::string& migration,
               const WatchSink& sink) override;
  Status probe(const Caller& caller, const control::ProbeRequest& request,
               const ProbeSink& sink) override;
  Result<control::AnswerProbeReply> answer_probe(
      const Caller& caller,
      const control::AnswerProbeRequest& request) override;
  Result<control::ReserveReply> reserve(
      const Caller& caller, const control::ReserveRequest& request) override;
  Result<control::OutcomeReply> outcome(const Caller& caller,
                                        const std::string& migration) override;
  Status discard(const Caller& caller, const std::string& migration) override;

  Result<control::DecisionReply> decision(
      const Caller& caller, const std::string& migration) override;
  Result<control::CommitReply> commit(const Caller& caller,
                                      const std::string& migration) override;
  Result<control::MigrationList> list_migrations(const Caller& caller) override;
  Status decide(const Caller& caller,
                const control::DecideRequest& request) override;

 private:
  Agent* agent_;
  const AccessRules rules_;
};

}  // namespace causeway
