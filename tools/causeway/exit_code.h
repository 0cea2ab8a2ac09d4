// Exit codes of the programs that operators run.
#pragma once

#include "engine/base/result.h"

namespace causeway {

// The exit code that tells a script what kind of trouble it was; the table
// stands in tools/README.md.
int exit_code(ErrorCode code);

// What the CLI itself, not a command, makes of a wrong command line.
inline constexpr int kUsageExitCode = 2;

}  // namespace causeway
