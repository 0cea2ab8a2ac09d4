// What an agent does when it is asked: the seam between the gRPC front
// (agent_server.h) and the host's agent (tools/agent), so that engine/ need
// not know how guests and movers are started.
//
// Called from the server's threads, several at once; calls may block. An
// Error becomes the call's failure, code and sentence, at the caller.
#pragma once

#include <functional>
#include <string>

#include "engine/base/result.h"
#include "engine/control/control.pb.h"

namespace causeway {

class GuestHandler {
 public:
  virtual ~GuestHandler() = default;

  virtual Result<control::GuestStatus> run_guest(
      const control::GuestConfig& config) = 0;
  virtual control::GuestList list_guests() = 0;
  virtual Result<control::CheckReply> check_guest(const std::string& name) = 0;
  virtual Status stop_guest(const std::string& name) = 0;
  virtual Status break_guest(const control::Fault& fault) = 0;
};

// False: the caller is gone.
using MigrationEventSink =
    std::function<bool(const control::MigrationEvent& event)>;

class MigrationHandler {
 public:
  virtual ~MigrationHandler() = default;

  // Returns when the migration has ended; the report is its last event.
  virtual Status migrate(const control::MigrateRequest& request,
                         const MigrationEventSink& sink) = 0;
  virtual Status cancel(const std::string& migration) = 0;
  virtual Status hold(const std::string& migration, bool held) = 0;

  virtual Result<control::ReserveReply> reserve(
      const control::ReserveRequest& request) = 0;
  virtual Result<control::OutcomeReply> outcome(
      const std::string& migration) = 0;
  virtual Status discard(const std::string& migration) = 0;

  virtual Result<control::DecisionReply> decision(
      const std::string& migration) = 0;
  virtual Result<control::CommitReply> commit(const std::string& migration) = 0;
  virtual Result<control::MigrationList> list_migrations() = 0;
  virtual Status decide(const control::DecideRequest& request) = 0;
};

}  // namespace causeway
