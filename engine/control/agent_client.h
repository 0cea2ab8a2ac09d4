// AgentClient: calls an agent. Connects with the first call; every call has a
// deadline except migrate(), watch() and probe(), which last as long as what
// they do.
// May be used from several threads.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "engine/base/result.h"
#include "engine/base/time.h"
#include "engine/base/tls_files.h"
#include "engine/control/control.pb.h"

namespace causeway {

class AgentClient {
 public:
  // `address`: HOST:PORT or unix:PATH. `tls`: this end's certificate and whom
  // it trusts, read now; nothing: in the clear, which a UNIX socket always is.
  // An Error when the address is malformed or a file cannot be used; whether
  // someone answers shows with the first call (kUnreachable, or kPermission
  // when the two ends do not accept each other). `agent_name`: whose word alone
  // counts; empty: of any agent that may be at that address.
  static Result<std::unique_ptr<AgentClient>> create(
      const std::string& address, const std::optional<TlsFiles>& tls,
      const std::string& agent_name = "");
  ~AgentClient();

  AgentClient(const AgentClient&) = delete;
  AgentClient& operator=(const AgentClient&) = delete;

  Result<control::GuestStatus> run_guest(const control::GuestConfig& config);
  Result<control::GuestList> list_guests();
  Result<control::CheckReply> check_guest(const std::string& name);
  Status stop_guest(const std::string& name);
  Status break_guest(const control::Fault& fault);

  // `on_event` is called for each event on the calling thread.
  Status migrate(
      const control::MigrateRequest& request,
      const std::function<void(const control::MigrationEvent&)>& on_event);
  Status cancel(const std::string& migration);
  Status hold(const std::string& migration, bool held);

  struct Reservation {
    control::ReserveReply reply;
    std::string agent_name;  // of the agent's certificate; empty in the clear
  };
  // Until the agent or the one migration ends; empty: all.
  Status watch(const std::string& migration,
               const std::function<void(const control::WatchEvent&)>& on_event);

  Result<Reservation> reserve(const control::ReserveRequest& request);
  Result<control::OutcomeReply> outcome(const std::string& migration);
  Status discard(const std::string& migration);

  Result<control::DecisionReply> decision(const std::string& migration);
  Result<control::CommitReply> commit(const std::string& migration);
  Result<control::MigrationList> list_migrations();
  Status decide(const control::DecideRequest& request);

  // Lasts as long as the probe; `on_result` is called on the calling thread.
  Status probe(const control::ProbeRequest& request,
               const std::function<void(const control::PathProbe&)>& on_result);
  struct ProbeAnswer {
    control::AnswerProbeReply reply;
    std::string agent_name;  // of the agent's certificate; empty in the clear
  };
  Result<ProbeAnswer> answer_probe(const control::AnswerProbeRequest& request);

  // To the agent's host and back (connect_time.h), the agent having answered; 0
  // at a UNIX socket.
  Result<Duration> round_trip();

 private:
  struct Impl;
  explicit AgentClient(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace causeway
