#include "engine/control/agent_client.h"

#include <grpc/support/time.h>
#include <grpcpp/grpcpp.h>
#include <utility>

#include "engine/control/agent_address.h"
#include "engine/control/call_status.h"
#include "engine/control/connect_time.h"
#include "engine/control/control.grpc.pb.h"
#include "engine/control/limits.h"
#include "engine/control/tls_credentials.h"

namespace causeway {
namespace {

grpc::ChannelArguments channel_arguments() {
  grpc::ChannelArguments arguments;
  // A proxy of the environment is for the web, not for the next host.
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, kConnectTimeoutMs);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveTimeMs);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveTimeoutMs);
  arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  arguments.SetMaxReceiveMessageSize(kControlReceiveBytesMax);
  return arguments;
}

void set_timeout(grpc::ClientContext* context, int timeout_ms) {
  context->set_deadline(gpr_time_from_millis(timeout_ms, GPR_TIMESPAN));
}

}  // namespace

struct AgentClient::Impl {
  Impl(const AgentAddress& agent,
       const std::shared_ptr<grpc::ChannelCredentials>& credentials,
       bool encrypts, std::string wanted)
      : address(agent.text()),
        encrypted(encrypts),
        agent_name(std::move(wanted)),
        channel(grpc::CreateCustomChannel(address, credentials,
                                          channel_arguments())),
        guests(control::Guests::NewStub(channel)),
        migrations(control::Migrations::NewStub(channel)) {}

  template <typename Stub, typename Request, typename Reply>
  Result<Reply> call(Stub* stub,
                     grpc::Status (Stub::*method)(grpc::ClientContext*,
                                                  const Request&, Reply*),
                     const Request& request, int timeout_ms,
                     std::string* answered_by = nullptr) {
    grpc::ClientContext context;
    set_timeout(&context, timeout_ms);
    Reply reply;
    const grpc::Status status = (stub->*method)(&context, request, &reply);
    CAUSEWAY_TRY(from_grpc(status, {address, encrypted, /*answered=*/false}));
    const std::string name = peer_name(context.auth_context().get());
    if (!agent_name.empty() && name != agent_name) {
      return make_error(ErrorCode::kPermission,
                        "the agent at {} is \"{}\", not \"{}\"", address, name,
                        agent_name);
    }
    if (answered_by != nullptr) *answered_by = name;
    return reply;
  }

  // Returns when the other end has said all.
  template <typename Stub, typename Request, typename Event>
  Status listen(Stub* stub,
                std::unique_ptr<grpc::ClientReader<Event>> (Stub::*method)(
                    grpc::ClientContext*, const Request&),
                const Request& request,
                const std::function<void(const Event&)>& on_event) {
    grpc::ClientContext context;
    const auto reader = (stub->*method)(&context, request);
    Event event;
    bool answered = false;
    while (reader->Read(&event)) {
      answered = true;
      on_event(event);
    }
    return from_grpc(reader->Finish(), {address, encrypted, answered});
  }

  std::string address;
  bool encrypted;
  std::string agent_name;                  // who must answer; empty: anyone
  std::shared_ptr<grpc::Channel> channel;  // gRPC's interface wants it shared
  std::unique_ptr<control::Guests::Stub> guests;
  std::unique_ptr<control::Migrations::Stub> migrations;
};

namespace {

control::GuestName guest_name(const std::string& name) {
  control::GuestName message;
  message.set_name(name);
  return message;
}

control::MigrationId migration_id(const std::string& id) {
  control::MigrationId message;
  message.set_id(id);
  return message;
}

Status without_reply(Result<control::Empty> result) {
  if (!result) return std::move(result).error();
  return {};
}

}  // namespace

Result<std::unique_ptr<AgentClient>> AgentClient::create(
    const std::string& address, const std::optional<TlsFiles>& tls,
    const std::string& agent_name) {
  quieten_grpc();
  CAUSEWAY_ASSIGN(const AgentAddress parsed, parse_agent_address(address));
  const auto used = parsed.is_unix() ? std::nullopt : tls;
  CAUSEWAY_ASSIGN(const auto credentials, channel_credentials(used));
  return std::unique_ptr<AgentClient>(new AgentClient(std::make_unique<Impl>(
      parsed, credentials, used.has_value(), agent_name)));
}

AgentClient::AgentClient(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
AgentClient::~AgentClient() = default;

Result<control::GuestStatus> AgentClient::run_guest(
    const control::GuestConfig& config) {
  return impl_->call(impl_->guests.get(), &control::Guests::Stub::Run, config,
                     kGuestCallTimeoutMs);
}

Result<control::GuestList> AgentClient::list_guests() {
  return impl_->call(impl_->guests.get(), &control::Guests::Stub::List,
                     control::Empty(), kQueryTimeoutMs);
}

Result<control::CheckReply> AgentClient::check_guest(const std::string& name) {
  return impl_->call(impl_->guests.get(), &control::Guests::Stub::Check,
                     guest_name(name), kCheckTimeoutMs);
}

Status AgentClient::stop_guest(const std::string& name) {
  return without_reply(impl_->call(impl_->guests.get(),
                                   &control::Guests::Stub::Stop,
                                   guest_name(name), kGuestCallTimeoutMs));
}

Status AgentClient::break_guest(const control::Fault& fault) {
  return without_reply(impl_->call(impl_->guests.get(),
                                   &control::Guests::Stub::BreakGuest, fault,
                                   kQueryTimeoutMs));
}

Status AgentClient::migrate(
    const control::MigrateRequest& request,
    const std::function<void(const control::MigrationEvent&)>& on_event) {
  return impl_->listen(impl_->migrations.get(),
                       &control::Migrations::Stub::Migrate, request, on_event);
}

Status AgentClient::watch(
    const std::string& migration,
    const std::function<void(const control::WatchEvent&)>& on_event) {
  control::WatchRequest request;
  request.set_migration(migration);
  return impl_->listen(impl_->migrations.get(),
                       &control::Migrations::Stub::Watch, request, on_event);
}

Status AgentClient::cancel(const std::string& migration) {
  return without_reply(
      impl_->call(impl_->migrations.get(), &control::Migrations::Stub::Cancel,
                  migration_id(migration), kGuestCallTimeoutMs));
}

Status AgentClient::hold(const std::string& migration, bool held) {
  return without_reply(impl_->call(impl_->migrations.get(),
                                   held ? &control::Migrations::Stub::Pause
                                        : &control::Migrations::Stub::Continue,
                                   migration_id(migration), kQueryTimeoutMs));
}

Result<AgentClient::Reservation> AgentClient::reserve(
    const control::ReserveRequest& request) {
  Reservation reservation;
  CAUSEWAY_ASSIGN(
      reservation.reply,
      impl_->call(impl_->migrations.get(), &control::Migrations::Stub::Reserve,
                  request, kGuestCallTimeoutMs, &reservation.agent_name));
  return reservation;
}

Result<control::OutcomeReply> AgentClient::outcome(
    const std::string& migration) {
  return impl_->call(impl_->migrations.get(),
                     &control::Migrations::Stub::Outcome,
                     migration_id(migration), kQueryTimeoutMs);
}

Status AgentClient::discard(const std::string& migration) {
  return without_reply(
      impl_->call(impl_->migrations.get(), &control::Migrations::Stub::Discard,
                  migration_id(migration), kGuestCallTimeoutMs));
}

Result<control::DecisionReply> AgentClient::decision(
    const std::string& migration) {
  return impl_->call(impl_->migrations.get(),
                     &control::Migrations::Stub::Decision,
                     migration_id(migration), kQueryTimeoutMs);
}

Result<control::CommitReply> AgentClient::commit(const std::string& migration) {
  return impl_->call(impl_->migrations.get(),
                     &control::Migrations::Stub::Commit,
                     migration_id(migration), kQueryTimeoutMs);
}

Result<control::MigrationList> AgentClient::list_migrations() {
  return impl_->call(impl_->migrations.get(), &control::Migrations::Stub::List,
                     control::Empty(), kQueryTimeoutMs);
}

Status AgentClient::decide(const control::DecideRequest& request) {
  return without_reply(impl_->call(impl_->migrations.get(),
                                   &control::Migrations::Stub::Decide, request,
                                   kQueryTimeoutMs));
}

Status AgentClient::probe(
    const control::ProbeRequest& request,
    const std::function<void(const control::PathProbe&)>& on_result) {
  return impl_->listen(impl_->migrations.get(),
                       &control::Migrations::Stub::Probe, request, on_result);
}

Result<AgentClient::ProbeAnswer> AgentClient::answer_probe(
    const control::AnswerProbeRequest& request) {
  ProbeAnswer answer;
  CAUSEWAY_ASSIGN(answer.reply,
                  impl_->call(impl_->migrations.get(),
                              &control::Migrations::Stub::AnswerProbe, request,
                              kQueryTimeoutMs, &answer.agent_name));
  return answer;
}

Result<Duration> AgentClient::round_trip() {
  // Says what is wrong where no agent answers, or another one.
  CAUSEWAY_TRY(impl_->call(impl_->migrations.get(),
                           &control::Migrations::Stub::Ping, control::Empty(),
                           kQueryTimeoutMs));
  if (impl_->address.starts_with("unix:")) return Duration{0};
  return connect_time(impl_->address);
}

}  // namespace causeway
