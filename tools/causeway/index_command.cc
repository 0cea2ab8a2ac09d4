// causeway index: another program, tools/index, becomes this one: what opens
// an index takes milliseconds to load, which no other command shall wait for.
#include <unistd.h>

#include <vector>

#include "tools/causeway/command.h"
#include "tools/process/child_process.h"

namespace causeway {
namespace {

Status become_index_program(const std::vector<std::string>& arguments) {
  const std::string program = program_folder() + "/causeway-index";
  std::vector<std::string> words = {"causeway", "index"};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  ::execv(program.c_str(), argv.data());
  return errno_error(errno, program);
}

}  // namespace

void add_index_command(CLI::App* app, CommandContext* context) {
  CLI::App* command = app->add_subcommand(
      "index", "The content that this host has, so that it need not travel");
  command->prefix_command();
  command->set_help_flag();
  command->callback([command, context] {
    context->run = [arguments = command->remaining()] {
      return become_index_program(arguments);
    };
  });
}

}  // namespace causeway
