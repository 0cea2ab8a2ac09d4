#include "tests/integration/relaying_agent.h"

namespace causeway::integration {
namespace {

Error not_asked() {
  return make_error(ErrorCode::kInternal, "the relaying agent only relays");
}

}  // namespace

RelayingAgent::RelayingAgent(const std::string& target, uint64_t at)
    : at_(at),
      target_(AgentClient::create(target, std::nullopt).value()),
      server_(AgentServer::listen({"127.0.0.1:0"}, nullptr, this, {}).value()) {
}

Result<control::ReserveReply> RelayingAgent::reserve(
    const Caller&, const control::ReserveRequest& request) {
  CAUSEWAY_ASSIGN(AgentClient::Reservation reserved, target_->reserve(request));
  relay_ = std::make_unique<TcpRelay>(reserved.reply.mover_address(), at_);
  reserved.reply.set_mover_address(relay_->address());
  return std::move(reserved.reply);
}

Result<control::OutcomeReply> RelayingAgent::outcome(
    const Caller&, const std::string& migration) {
  return target_->outcome(migration);
}

Status RelayingAgent::discard(const Caller&, const std::string& migration) {
  return target_->discard(migration);
}

Result<control::CommitReply> RelayingAgent::commit(
    const Caller&, const std::string& migration) {
  return target_->commit(migration);
}

Status RelayingAgent::migrate(const Caller&, const control::MigrateRequest&,
                              const MigrationEventSink&) {
  return not_asked();
}
Status RelayingAgent::cancel(const Caller&, const std::string&) {
  return not_asked();
}
Status RelayingAgent::hold(const Caller&, const std::string&, bool) {
  return not_asked();
}
Status RelayingAgent::watch(const Caller&, const std::string&,
                            const WatchSink&) {
  return not_asked();
}
Result<control::DecisionReply> RelayingAgent::decision(const Caller&,
                                                       const std::string&) {
  return not_asked();
}
Status RelayingAgent::probe(const Caller&, const control::ProbeRequest&,
                            const ProbeSink&) {
  return not_asked();
}
Result<control::AnswerProbeReply> RelayingAgent::answer_probe(
    const Caller&, const control::AnswerProbeRequest&) {
  return not_asked();
}
Result<control::MigrationList> RelayingAgent::list_migrations(const Caller&) {
  return not_asked();
}
Status RelayingAgent::decide(const Caller&, const control::DecideRequest&) {
  return not_asked();
}

}  // namespace causeway::integration
