#include "tools/causeway/command_line.h"

#include <cstdio>

#include "tools/causeway/exit_code.h"
#include "tools/process/signal_watch.h"

namespace causeway {
namespace {

int fail(const Error& error) {
  fmt::print(stderr, "causeway: {}\n", error.message);
  return exit_code(error.code);
}

}  // namespace

int run_command_line(
    int argc, char** argv,
    const std::function<void(CLI::App*, CommandContext*)>& add) {
  auto signals = block_signals();
  if (!signals) return fail(signals.error());
  CommandContext context;
  context.signal_fd = signals->get();
  CLI::App app("Causeway moves running virtual machines between hosts.",
               "causeway");
  app.set_version_flag("--version", "causeway " CAUSEWAY_VERSION);
  app.require_subcommand(1);
  app.footer(
      "Exit codes: 0 all is well, 1 an error of Causeway's own, 2 a "
      "wrong request;\nthe others stand in tools/README.md.");
  add(&app, &context);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kUsageExitCode;
  }
  CAUSEWAY_ASSERT(context.run);
  const Status status = context.run();
  if (!status) return fail(status.error());
  return 0;
}

}  // namespace causeway
