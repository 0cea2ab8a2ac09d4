// causeway migrate: move one guest.
#include <memory>

#include "tools/causeway/command.h"
#include "tools/causeway/json_output.h"
#include "tools/causeway/migration_run.h"
#include "tools/causeway/report_text.h"
#include "tools/causeway/tls_arguments.h"
#include "tools/process/signal_watch.h"

namespace causeway {
namespace {

struct MigrateCommand {
  std::string guest;
  std::string from;
  std::string to;
  MigrateArguments migration;
  TlsArguments tls;
  JsonOutput json;
};

Status migrate(const MigrateCommand& command, int signal_fd) {
  CAUSEWAY_ASSIGN(const auto files, command.tls.files_for(command.from));
  CAUSEWAY_ASSIGN(const auto source, AgentClient::create(command.from, files));
  MigrationView view(command.json.takes_stdout());
  MigrationRun run(source.get(), &view);
  Result<nlohmann::json> report = nlohmann::json();
  {
    const SignalWatch watch(signal_fd, [&run] { run.cancel(); });
    report = run.run(command.migration.request(command.guest, command.to));
  }
  if (!report) {
    CAUSEWAY_TRY(command.json.write(error_to_json(report.error())));
    return std::move(report).error();
  }
  view.say(report_text(*report));
  return command.json.write(*report);
}

}  // namespace

void add_migrate_command(CLI::App* app, CommandContext* context) {
  auto command = std::make_shared<MigrateCommand>();
  CLI::App* migrate_app = app->add_subcommand(
      "migrate", "Move a running guest, memory and disk, to another host");
  migrate_app->add_option("NAME", command->guest, "The guest's name")
      ->required();
  migrate_app
      ->add_option("--from", command->from, "The agent of the host it is on")
      ->type_name("ADDR:PORT|unix:PATH")
      ->required();
  migrate_app
      ->add_option("--to", command->to,
                   "The agent of the host it goes to, as the source reaches "
                   "it")
      ->type_name("ADDR:PORT")
      ->required();
  command->migration.add_options(migrate_app);
  command->migration.add_run_options(migrate_app);
  command->tls.add_options(migrate_app);
  command->json.add_option(migrate_app);
  migrate_app->footer(
      "Ctrl-C cancels: the guest stays where it is. Once it has moved, its "
      "process,\nfolder and the disk that was made for it are removed at the "
      "source; a disk file\nof yours is left alone.");
  migrate_app->callback([command, context] {
    context->run = [command, context] {
      return migrate(*command, context->signal_fd);
    };
  });
}

}  // namespace causeway
