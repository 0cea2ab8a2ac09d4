#include "engine/control/agent_server.h"

#include <grpc/support/time.h>
#include <grpcpp/grpcpp.h>
#include <sys/stat.h>

#include <cerrno>

#include "engine/control/agent_address.h"
#include "engine/control/call_status.h"
#include "engine/control/control.grpc.pb.h"
#include "engine/control/limits.h"
#include "engine/control/tls_credentials.h"

namespace causeway {
namespace {

Caller caller_of(const grpc::ServerContext& context) {
  return {peer_name(context.auth_context().get()),
          context.peer().starts_with("unix:")};
}

// Hands a handler's Result to gRPC.
template <typename Reply>
grpc::Status answer(Result<Reply> result, Reply* reply) {
  if (!result) return to_grpc(std::move(result).error());
  *reply = std::move(result).value();
  return grpc::Status::OK;
}

// An agent that listens on all addresses is called where its call came from:
// gRPC says "ipv4:10.0.0.1:41234" and "ipv6:%5B::1%5D:41234".
std::string reachable_address(const std::string& agent, std::string grpc_peer) {
  for (const auto& [coded, bracket] : {std::pair("%5B", "["), {"%5D", "]"}}) {
    const size_t at = grpc_peer.find(coded);
    if (at != std::string::npos) grpc_peer.replace(at, 3, bracket);
  }
  auto address = parse_agent_address(agent);
  const size_t scheme = grpc_peer.find(':');
  if (!address || !address->is_wildcard() || scheme == std::string::npos)
    return agent;
  const auto caller = parse_agent_address(grpc_peer.substr(scheme + 1));
  if (!caller) return agent;
  address->host = caller->host;
  return address->text();
}

class GuestsService final : public control::Guests::Service {
 public:
  explicit GuestsService(GuestHandler* handler) : handler_(handler) {}

  grpc::Status Run(grpc::ServerContext* context,
                   const control::GuestConfig* request,
                   control::GuestStatus* reply) override {
    return answer(handler_->run_guest(caller_of(*context), *request), reply);
  }
  grpc::Status List(grpc::ServerContext* context, const control::Empty*,
                    control::GuestList* reply) override {
    return answer(handler_->list_guests(caller_of(*context)), reply);
  }
  grpc::Status Check(grpc::ServerContext* context,
                     const control::GuestName* request,
                     control::CheckReply* reply) override {
    return answer(handler_->check_guest(caller_of(*context), request->name()),
                  reply);
  }
  grpc::Status Stop(grpc::ServerContext* context,
                    const control::GuestName* request,
                    control::Empty*) override {
    return to_grpc(handler_->stop_guest(caller_of(*context), request->name()));
  }
  grpc::Status BreakGuest(grpc::ServerContext* context,
                          const control::Fault* request,
                          control::Empty*) override {
    return to_grpc(handler_->break_guest(caller_of(*context), *request));
  }

 private:
  GuestHandler* handler_;
};

class MigrationsService final : public control::Migrations::Service {
 public:
  explicit MigrationsService(MigrationHandler* handler) : handler_(handler) {}

  grpc::Status Migrate(
      grpc::ServerContext* context, const control::MigrateRequest* request,
      grpc::ServerWriter<control::MigrationEvent>* writer) override {
    return to_grpc(handler_->migrate(caller_of(*context), *request,
                                     [&](const control::MigrationEvent& event) {
                                       return !context->IsCancelled() &&
                                              writer->Write(event);
                                     }));
  }
  grpc::Status Cancel(grpc::ServerContext* context,
                      const control::MigrationId* request,
                      control::Empty*) override {
    return to_grpc(handler_->cancel(caller_of(*context), request->id()));
  }
  grpc::Status Pause(grpc::ServerContext* context,
                     const control::MigrationId* request,
                     control::Empty*) override {
    return to_grpc(handler_->hold(caller_of(*context), request->id(), true));
  }
  grpc::Status Continue(grpc::ServerContext* context,
                        const control::MigrationId* request,
                        control::Empty*) override {
    return to_grpc(handler_->hold(caller_of(*context), request->id(), false));
  }
  grpc::Status Watch(grpc::ServerContext* context,
                     const control::WatchRequest* request,
                     grpc::ServerWriter<control::WatchEvent>* writer) override {
    return to_grpc(handler_->watch(caller_of(*context), request->migration(),
                                   [&](const control::WatchEvent* event) {
                                     if (context->IsCancelled()) return false;
                                     return event == nullptr ||
                                            writer->Write(*event);
                                   }));
  }
  grpc::Status Probe(grpc::ServerContext* context,
                     const control::ProbeRequest* request,
                     grpc::ServerWriter<control::PathProbe>* writer) override {
    return to_grpc(handler_->probe(
        caller_of(*context), *request, [&](const control::PathProbe* result) {
          if (context->IsCancelled()) return false;
          return result == nullptr || writer->Write(*result);
        }));
  }
  grpc::Status AnswerProbe(grpc::ServerContext* context,
                           const control::AnswerProbeRequest* request,
                           control::AnswerProbeReply* reply) override {
    return answer(handler_->answer_probe(caller_of(*context), *request), reply);
  }
  grpc::Status Reserve(grpc::ServerContext* context,
                       const control::ReserveRequest* request,
                       control::ReserveReply* reply) override {
    control::ReserveRequest reservation = *request;
    reservation.set_source_agent(
        reachable_address(request->source_agent(), context->peer()));
    return answer(handler_->reserve(caller_of(*context), reservation), reply);
  }
  grpc::Status Outcome(grpc::ServerContext* context,
                       const control::MigrationId* request,
                       control::OutcomeReply* reply) override {
    return answer(handler_->outcome(caller_of(*context), request->id()), reply);
  }
  grpc::Status Discard(grpc::ServerContext* context,
                       const control::MigrationId* request,
                       control::Empty*) override {
    return to_grpc(handler_->discard(caller_of(*context), request->id()));
  }
  grpc::Status Decision(grpc::ServerContext* context,
                        const control::MigrationId* request,
                        control::DecisionReply* reply) override {
    return answer(handler_->decision(caller_of(*context), request->id()),
                  reply);
  }
  grpc::Status Commit(grpc::ServerContext* context,
                      const control::MigrationId* request,
                      control::CommitReply* reply) override {
    return answer(handler_->commit(caller_of(*context), request->id()), reply);
  }
  grpc::Status List(grpc::ServerContext* context, const control::Empty*,
                    control::MigrationList* reply) override {
    return answer(handler_->list_migrations(caller_of(*context)), reply);
  }
  grpc::Status Decide(grpc::ServerContext* context,
                      const control::DecideRequest* request,
                      control::Empty*) override {
    return to_grpc(handler_->decide(caller_of(*context), *request));
  }
  grpc::Status Ping(grpc::ServerContext*, const control::Empty*,
                    control::Empty*) override {
    return grpc::Status::OK;
  }

 private:
  MigrationHandler* handler_;
};

void limit_server(grpc::ServerBuilder* builder) {
  builder->SetMaxReceiveMessageSize(kControlReceiveBytesMax);
  // Two agents on one port would share its callers by chance.
  builder->AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder->AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveTimeMs);
  builder->AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS,
                              kKeepaliveTimeoutMs);
  builder->AddChannelArgument(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS,
                              kHandshakeTimeoutMs);
  builder->AddChannelArgument(
      GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS,
      kKeepaliveTimeMs / 2);
}

}  // namespace

struct AgentServer::Impl {
  Impl(GuestHandler* guest_handler, MigrationHandler* migration_handler)
      : guests(guest_handler), migrations(migration_handler) {}

  GuestsService guests;
  MigrationsService migrations;
  std::unique_ptr<grpc::Server> server;
  std::vector<std::string> addresses;
};

Result<std::unique_ptr<AgentServer>> AgentServer::listen(
    const std::vector<std::string>& addresses, GuestHandler* guests,
    MigrationHandler* migrations, const AgentServerOptions& options) {
  quieten_grpc();
  std::shared_ptr<grpc::ServerCredentials> remote =
      grpc::InsecureServerCredentials();
  if (options.tls) {
    CAUSEWAY_ASSIGN(remote, server_credentials(*options.tls,
                                               options.certificate_refresh_s));
  }
  auto impl = std::make_unique<Impl>(guests, migrations);
  std::vector<AgentAddress> parsed;
  for (const std::string& text : addresses) {
    CAUSEWAY_ASSIGN(AgentAddress address, parse_agent_address(text));
    parsed.push_back(std::move(address));
  }
  std::vector<int> ports(parsed.size(), 0);
  grpc::ServerBuilder builder;
  limit_server(&builder);
  for (size_t i = 0; i < parsed.size(); ++i) {
    // On this host's own socket the file's permissions let callers in.
    builder.AddListeningPort(
        parsed[i].text(),
        parsed[i].is_unix() ? grpc::InsecureServerCredentials() : remote,
        &ports[i]);
  }
  builder.RegisterService(&impl->guests);
  builder.RegisterService(&impl->migrations);
  impl->server = builder.BuildAndStart();
  for (size_t i = 0; i < parsed.size(); ++i) {
    // Whoever may write to it commands the agent.
    if (parsed[i].is_unix() && ports[i] > 0 &&
        ::chmod(parsed[i].unix_path.c_str(), 0600) != 0) {
      return errno_error(errno, "chmod 0600 " + parsed[i].unix_path);
    }
    if (impl->server != nullptr && ports[i] > 0) {
      if (!parsed[i].is_unix()) {
        parsed[i].port = static_cast<uint16_t>(ports[i]);
      }
      impl->addresses.push_back(parsed[i].text());
      continue;
    }
    if (ports[i] > 0) continue;  // this one is well; another is not
    return make_error(ErrorCode::kUnreachable,
                      "cannot listen on {}; the port is taken or the address "
                      "is not of this host",
                      addresses[i]);
  }
  if (impl->server == nullptr) {
    return make_error(ErrorCode::kInternal, "the gRPC server did not start");
  }
  return std::unique_ptr<AgentServer>(new AgentServer(std::move(impl)));
}

AgentServer::AgentServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

AgentServer::~AgentServer() {
  // Calls under way get this long to end by themselves.
  impl_->server->Shutdown(gpr_time_from_millis(500, GPR_TIMESPAN));
  impl_->server->Wait();
}

const std::vector<std::string>& AgentServer::addresses() const {
  return impl_->addresses;
}

}  // namespace causeway
