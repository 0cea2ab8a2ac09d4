// causeway-index: what `causeway index` becomes.
#include "tools/causeway/command_line.h"
#include "tools/index/index_command.h"

int main(int argc, char** argv) {
  return causeway::run_command_line(argc, argv, causeway::add_index_commands);
}
