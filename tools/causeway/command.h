// Command: what the subcommands of `causeway` share. Each adds itself to the
// command line and, when it was chosen, sets what is to be run.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <string>

#include "engine/base/result.h"

namespace causeway {

struct CommandContext {
  int signal_fd = -1;           // process/signal_watch.h
  std::function<Status()> run;  // of the chosen command
};

// One file each: NAME_command.cc.
void add_agent_command(CLI::App* app, CommandContext* context);
void add_demo_command(CLI::App* app, CommandContext* context);
void add_guest_command(CLI::App* app, CommandContext* context);
void add_migrate_command(CLI::App* app, CommandContext* context);
void add_watch_command(CLI::App* app, CommandContext* context);
void add_cancel_commands(CLI::App* app, CommandContext* context);
void add_probe_command(CLI::App* app, CommandContext* context);
void add_topology_command(CLI::App* app, CommandContext* context);
void add_pki_command(CLI::App* app, CommandContext* context);
void add_index_command(CLI::App* app, CommandContext* context);
// Both in status_command.cc.
void add_status_command(CLI::App* app, CommandContext* context);
void add_decide_command(CLI::App* app, CommandContext* context);

}  // namespace causeway
