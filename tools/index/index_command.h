// causeway index add, stat, verify, drop.
#pragma once

#include "tools/causeway/command.h"

namespace causeway {

void add_index_commands(CLI::App* app, CommandContext* context);

}  // namespace causeway
