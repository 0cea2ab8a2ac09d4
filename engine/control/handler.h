// What an agent does when it is asked: the seam between the gRPC front
// (agent_server.h) and the host's agent (tools/agent), so that engine/ need
// not know how guests and movers are started.
//
// Whether the caller may ask for it is for the handler to say.
//
// Called from the server's threads, several at once; calls may block. An
// Error becomes the call's failure, code and sentence, at the caller.
#pragma once

#include <functional>
#include <string>

#include "engine/base/result.h"
#include "engine/control/caller.h"
#include "engine/control/control.pb.h"

namespace causeway {

class GuestHandler {
 public:
  virtual ~GuestHandler() = default;

  virtual Result<control::GuestStatus> run_guest(
      const Caller& caller, const control::GuestConfig& config) = 0;
  virtual Result<control::GuestList> list_guests(const Caller& caller) = 0;
  virtual Result<control::CheckReply> check_guest(const Caller& caller,
                                                  const std::string& name) = 0;
  virtual Status stop_guest(const Caller& caller, const std::string& name) = 0;
  virtual Status break_guest(const Caller& caller,
                             const control::Fault& fault) = 0;
};

// False: the caller is gone.
using MigrationEventSink =
    std::function<bool(const control::MigrationEvent& event)>;

// Nothing: is the caller still there?
using WatchSink = std::function<bool(const control::WatchEvent* event)>;

// Nothing: is the caller still there?
using ProbeSink = std::function<bool(const control::PathProbe* result)>;

class MigrationHandler {
 public:
  virtual ~MigrationHandler() = default;

  // Returns when the migration has ended; the report is its last event.
  virtual Status migrate(const Caller& caller,
                         const control::MigrateRequest& request,
                         const MigrationEventSink& sink) = 0;
  virtual Status cancel(const Caller& caller, const std::string& migration) = 0;
  virtual Status hold(const Caller& caller, const std::string& migration,
                      bool held) = 0;

  // Returns when the sink says that the caller is gone, or the one migration
  // has ended.
  virtual Status watch(const Caller& caller, const std::string& migration,
                       const WatchSink& sink) = 0;

  // A result for each path, as it comes.
  virtual Status probe(const Caller& caller,
                       const control::ProbeRequest& request,
                       const ProbeSink& sink) = 0;
  virtual Result<control::AnswerProbeReply> answer_probe(
      const Caller& caller, const control::AnswerProbeRequest& request) = 0;

  virtual Result<control::ReserveReply> reserve(
      const Caller& caller, const control::ReserveRequest& request) = 0;
  virtual Result<control::OutcomeReply> outcome(
      const Caller& caller, const std::string& migration) = 0;
  virtual Status discard(const Caller& caller,
                         const std::string& migration) = 0;

  virtual Result<control::DecisionReply> decision(
      const Caller& caller, const std::string& migration) = 0;
  virtual Result<control::CommitReply> commit(const Caller& caller,
                                              const std::string& migration) = 0;
  virtual Result<control::MigrationList> list_migrations(
      const Caller& caller) = 0;
  virtual Status decide(const Caller& caller,
                        const control::DecideRequest& request) = 0;
};

}  // namespace causeway
