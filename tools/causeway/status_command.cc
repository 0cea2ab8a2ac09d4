// causeway status: the migrations that a host knows of. causeway decide: the
// operator's word on one that is undecided.
#include <ctime>
#include <memory>

#include "engine/control/agent_client.h"
#include "tools/causeway/command.h"
#include "tools/causeway/json_output.h"
#include "tools/causeway/tls_arguments.h"
#include "tools/process/signal_watch.h"

namespace causeway {
namespace {

struct StatusCommand {
  std::string agent = "127.0.0.1:7433";
  bool all = false;
  TlsArguments tls;
  JsonOutput json;
};

nlohmann::json to_json(const control::MigrationStatus& migration) {
  return {
      {"migration", migration.id()},   {"role", migration.role()},
      {"guest", migration.guest()},    {"peer", migration.peer()},
      {"record", migration.record()},  {"state", migration.state()},
      {"why", migration.why()},        {"changed_ms", migration.changed_ms()},
      {"command", migration.command()}};
}

std::string time_text(uint64_t since_epoch_ms) {
  const std::time_t seconds = static_cast<std::time_t>(since_epoch_ms / 1000);
  std::tm parts{};
  localtime_r(&seconds, &parts);
  char text[32];
  strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &parts);
  return text;
}

void print(const control::MigrationStatus& migration) {
  fmt::print("{:<17} {:<10} {:<7} {:<16} {:<20} {}\n", migration.id(),
             migration.state(), migration.role(), migration.guest(),
             time_text(migration.changed_ms()), migration.record());
  if (!migration.why().empty()) fmt::print("  {}\n", migration.why());
  if (!migration.command().empty()) {
    fmt::print("  to decide it: {}\n", migration.command());
  }
}

Status show(const StatusCommand& command) {
  CAUSEWAY_ASSIGN(const auto files, command.tls.files_for(command.agent));
  CAUSEWAY_ASSIGN(const auto client, AgentClient::create(command.agent, files));
  CAUSEWAY_ASSIGN(const auto list, client->list_migrations());
  nlohmann::json json = {{"agent", list.agent()},
                         {"migrations", nlohmann::json::array()}};
  const bool text = !command.json.takes_stdout();
  if (text) {
    fmt::print("{:<17} {:<10} {:<7} {:<16} {:<20} {}\n", "MIGRATION", "STATE",
               "ROLE", "GUEST", "SINCE", "RECORD");
  }
  size_t ended = 0;
  for (const auto& migration : list.migrations()) {
    if (migration.state() == "ended" && !command.all) {
      ++ended;
      continue;
    }
    json["migrations"].push_back(to_json(migration));
    if (text) print(migration);
  }
  if (text && ended > 0) {
    fmt::print("{} more have ended; --all shows them\n", ended);
  }
  return command.json.write(json);
}

struct DecideCommand {
  std::string migration;
  std::string verdict;
  std::string agent = "127.0.0.1:7433";
  bool target_is_gone = false;
  TlsArguments tls;
};

Status decide(const DecideCommand& command) {
  control::DecideRequest request;
  request.set_id(command.migration);
  if (command.verdict == "discard") {
    request.mutable_discard();
  } else if (command.target_is_gone) {
    request.mutable_run_here();
  } else {
    return make_error(
        ErrorCode::kInvalidArgument,
        "run-here makes two of a guest that runs at the target: first try "
        "`causeway decide {} discard` at the target's agent; if that host "
        "will never come back, add --target-is-gone",
        command.migration);
  }
  CAUSEWAY_ASSIGN(const auto files, command.tls.files_for(command.agent));
  CAUSEWAY_ASSIGN(const auto client, AgentClient::create(command.agent, files));
  CAUSEWAY_TRY(client->decide(request));
  fmt::print("migration {} is decided: {}\n", command.migration,
             command.verdict);
  return {};
}

void add_agent_option(CLI::App* app, std::string* agent) {
  app->add_option("--agent", *agent, "The agent to ask")
      ->type_name("ADDR:PORT|unix:PATH")
      ->capture_default_str();
}

}  // namespace

void add_status_command(CLI::App* app, CommandContext* context) {
  auto command = std::make_shared<StatusCommand>();
  CLI::App* status = app->add_subcommand(
      "status", "The migrations that a host knows of, and what is undecided");
  add_agent_option(status, &command->agent);
  command->tls.add_options(status);
  status->add_flag("--all", command->all, "Also those that have ended");
  command->json.add_option(status);
  status->callback([command, context] {
    context->run = [command] {
      unblock_signals();  // nothing to tidy up
      return show(*command);
    };
  });
}

void add_decide_command(CLI::App* app, CommandContext* context) {
  auto command = std::make_shared<DecideCommand>();
  CLI::App* decide_app = app->add_subcommand(
      "decide", "Decide a migration that `causeway status` calls undecided");
  decide_app->add_option("MIGRATION", command->migration, "Its id")->required();
  decide_app
      ->add_option("VERDICT", command->verdict,
                   "discard, at the target: the guest shall never run there, "
                   "and the source takes it back; run-here, at the source: "
                   "the target is lost")
      ->check(CLI::IsMember({"discard", "run-here"}))
      ->required();
  add_agent_option(decide_app, &command->agent);
  command->tls.add_options(decide_app);
  decide_app->add_flag("--target-is-gone", command->target_is_gone,
                       "For run-here: you have seen that the guest does not "
                       "run at the target, and that it never will");
  decide_app->footer(
      "The agents decide by themselves as soon as they reach each other; this "
      "is for\nhosts that do not come back.");
  decide_app->callback([command, context] {
    context->run = [command] {
      unblock_signals();
      return decide(*command);
    };
  });
}

}  // namespace causeway
