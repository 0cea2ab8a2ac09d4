// causeway: the command line. One file a subcommand.
#include "tools/causeway/command_line.h"

namespace causeway {
namespace {

void add_commands(CLI::App* app, CommandContext* context) {
  add_demo_command(app, context);
  add_agent_command(app, context);
  add_guest_command(app, context);
  add_migrate_command(app, context);
  add_cancel_commands(app, context);
  add_watch_command(app, context);
  add_probe_command(app, context);
  add_topology_command(app, context);
  add_status_command(app, context);
  add_decide_command(app, context);
  add_pki_command(app, context);
  add_index_command(app, context);
}

}  // namespace
}  // namespace causeway

int main(int argc, char** argv) {
  return causeway::run_command_line(argc, argv, causeway::add_commands);
}
