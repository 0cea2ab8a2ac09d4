// causeway watch: the progress of a host's migrations, whoever started them.
#include <memory>
#include <nlohmann/json.hpp>

#include "engine/control/agent_client.h"
#include "tools/causeway/command.h"
#include "tools/causeway/migration_view.h"
#include "tools/causeway/tls_arguments.h"
#include "tools/process/signal_watch.h"

namespace causeway {
namespace {

struct WatchCommand {
  std::string migration;
  std::string agent = "127.0.0.1:7433";
  TlsArguments tls;
  bool json_lines = false;
};

std::string text_of(const control::WatchEvent& event) {
  if (event.has_ended()) {
    return event.ended().message().empty()
               ? "has moved"
               : "did not move: " + event.ended().message();
  }
  if (event.event().has_progress())
    return progress_text(event.event().progress());
  return event.event().stage();
}

void print_line(const control::WatchEvent& event) {
  const std::string text = text_of(event);
  if (text.empty()) return;
  fmt::print("{} {}: {}\n", event.migration(), event.guest(), text);
  fflush(stdout);
}

void print_json(const control::WatchEvent& event) {
  nlohmann::json json = {{"migration", event.migration()},
                         {"guest", event.guest()}};
  const auto& what = event.event();
  if (event.has_ended()) {
    json["ended"] = {{"moved", event.ended().message().empty()},
                     {"message", event.ended().message()}};
  } else if (what.has_progress()) {
    const auto& progress = what.progress();
    json["progress"] = {{"stage", progress.stage()},
                        {"round", progress.round()},
                        {"sent_bytes", progress.sent_bytes()},
                        {"wire_bytes", progress.wire_bytes()},
                        {"remaining_bytes", progress.remaining_bytes()},
                        {"total_bytes", progress.total_bytes()},
                        {"dirty_bytes_s", progress.dirty_bytes_s()},
                        {"rate_bytes_s", progress.rate_bytes_s()},
                        {"eta_s", progress.eta_s()},
                        {"held", progress.held()}};
  } else {
    json["stage"] = what.stage();
  }
  fmt::print("{}\n", json.dump());
  fflush(stdout);
}

Status watch(const WatchCommand& command) {
  CAUSEWAY_ASSIGN(const auto files, command.tls.files_for(command.agent));
  CAUSEWAY_ASSIGN(const auto client, AgentClient::create(command.agent, files));
  return client->watch(command.migration,
                       command.json_lines ? &print_json : &print_line);
}

}  // namespace

void add_watch_command(CLI::App* app, CommandContext* context) {
  auto command = std::make_shared<WatchCommand>();
  CLI::App* watch_app = app->add_subcommand(
      "watch", "Follow a migration, or all that leave a host");
  watch_app->add_option("MIGRATION", command->migration,
                        "Its id, or the guest's name (default: all, until "
                        "Ctrl-C)");
  watch_app
      ->add_option("--agent", command->agent,
                   "The agent of the host that the guests leave")
      ->type_name("ADDR:PORT|unix:PATH")
      ->capture_default_str();
  command->tls.add_options(watch_app);
  watch_app->add_flag("--json-lines", command->json_lines,
                      "One JSON object a line");
  watch_app->callback([command, context] {
    context->run = [command] {
      unblock_signals();  // nothing to tidy up
      return watch(*command);
    };
  });
}

}  // namespace causeway
