// RelayingAgent: stands between a source's agent and the target's, in the
// clear. What it is asked it asks the target's agent, but the source's mover is
// sent through a TcpRelay.
#pragma once

#include <memory>
#include <string>

#include "engine/control/agent_client.h"
#include "engine/control/agent_server.h"
#include "tests/integration/tcp_relay.h"

namespace causeway::integration {

class RelayingAgent final : private MigrationHandler {
 public:
  // The relay flips a bit of byte `at`. One migration.
  RelayingAgent(const std::string& target, uint64_t at);

  const std::string& address() const { return server_->addresses()[0]; }
  bool flipped() const { return relay_ != nullptr && relay_->flipped(); }

 private:
  Result<control::ReserveReply> reserve(
      const Caller& caller, const control::ReserveRequest& request) override;
  Result<control::OutcomeReply> outcome(const Caller& caller,
                                        const std::string& migration) override;
  Status discard(const Caller& caller, const std::string& migration) override;
  Result<control::CommitReply> commit(const Caller& caller,
                                      const std::string& migration) override;

  // Nobody asks it the rest.
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
  Result<control::DecisionReply> decision(
      const Caller& caller, const std::string& migration) override;
  Result<control::MigrationList> list_migrations(const Caller& caller) override;
  Status decide(const Caller& caller,
                const control::DecideRequest& request) override;

  const uint64_t at_;
  std::unique_ptr<AgentClient> target_;
  std::unique_ptr<TcpRelay> relay_;
  std::unique_ptr<AgentServer> server_;  // the first to go
};

}  // namespace causeway::integration
