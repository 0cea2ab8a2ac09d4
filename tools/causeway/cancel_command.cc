// causeway cancel, pause, continue: of a migration that is under way.
#include <memory>

#include "engine/control/agent_client.h"
#include "tools/causeway/command.h"
#include "tools/causeway/tls_arguments.h"
#include "tools/process/signal_watch.h"

namespace causeway {
namespace {

struct Steering {
  std::string migration;
  std::string agent = "127.0.0.1:7433";
  TlsArguments tls;
};

Status cancel(const Steering& steering, AgentClient* client) {
  CAUSEWAY_TRY(client->cancel(steering.migration));
  fmt::print("{} is cancelled: its guest runs on here\n", steering.migration);
  return {};
}

Status pause(const Steering& steering, AgentClient* client) {
  CAUSEWAY_TRY(client->hold(steering.migration, true));
  fmt::print("{} is paused: its guest runs, nothing is sent\n",
             steering.migration);
  return {};
}

Status go_on(const Steering& steering, AgentClient* client) {
  CAUSEWAY_TRY(client->hold(steering.migration, false));
  fmt::print("{} goes on\n", steering.migration);
  return {};
}

void add(CLI::App* app, const char* name, const char* help,
         CommandContext* context,
         Status (*run)(const Steering&, AgentClient*)) {
  auto steering = std::make_shared<Steering>();
  CLI::App* command = app->add_subcommand(name, help);
  command
      ->add_option("MIGRATION", steering->migration,
                   "Its id, or the guest's name")
      ->required();
  command
      ->add_option("--agent", steering->agent,
                   "The agent of the host that the guest leaves")
      ->type_name("ADDR:PORT|unix:PATH")
      ->capture_default_str();
  steering->tls.add_options(command);
  command->callback([steering, context, run] {
    context->run = [steering, run]() -> Status {
      unblock_signals();  // nothing to tidy up
      CAUSEWAY_ASSIGN(const auto files,
                      steering->tls.files_for(steering->agent));
      CAUSEWAY_ASSIGN(const auto client,
                      AgentClient::create(steering->agent, files));
      return run(*steering, client.get());
    };
  });
}

}  // namespace

void add_cancel_commands(CLI::App* app, CommandContext* context) {
  add(app, "cancel", "Call a migration off: the guest stays where it is",
      context, &cancel);
  add(app, "pause",
      "Hold a migration: its guest runs and is neither copied nor stopped",
      context, &pause);
  add(app, "continue", "Let a paused migration go on", context, &go_on);
}

}  // namespace causeway
