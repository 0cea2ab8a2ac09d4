// The command line of a program that operators run: parses, runs the chosen
// command, says what went wrong.
#pragma once

#include <functional>

#include "tools/causeway/command.h"

namespace causeway {

// The exit code. `add` adds the subcommands; one is required.
int run_command_line(
    int argc, char** argv,
    const std::function<void(CLI::App*, CommandContext*)>& add);

}  // namespace causeway
