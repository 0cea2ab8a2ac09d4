// causeway guest: start, look at, check and stop the guests of a host.
#include <memory>

#include "engine/base/units.h"
#include "engine/control/agent_client.h"
#include "tools/agent/guest_json.h"
#include "tools/causeway/command.h"
#include "tools/causeway/guest_arguments.h"
#include "tools/causeway/json_output.h"
#include "tools/causeway/tls_arguments.h"
#include "tools/process/signal_watch.h"

namespace causeway {
namespace {

// One object for the whole family: only one of its commands is chosen.
struct GuestCommand {
  std::string agent = "127.0.0.1:7433";
  std::string name;
  TlsArguments tls;
  JsonOutput json;
  GuestArguments guest{512ull << 20, "", "idle"};
  std::string region = "ram0";
  uint64_t byte = 0;
  uint32_t bit = 0;
  bool untracked = false;

  Result<std::unique_ptr<AgentClient>> client() const {
    CAUSEWAY_ASSIGN(const auto files, tls.files_for(agent));
    return AgentClient::create(agent, files);
  }
};
using CommandPointer = std::shared_ptr<GuestCommand>;  // CLI11 copies callbacks

void print_status(const control::GuestStatus& status) {
  const control::GuestConfig& config = status.config();
  const std::string disk =
      config.disk_bytes() > 0 ? format_bytes(config.disk_bytes()) : "-";
  fmt::print("{:<16} {:<9} {:<8} {:>7} {:>7} {:>5}  {}\n", config.name(),
             status.state(), config.hypervisor(),
             format_bytes(config.memory_bytes()), disk, config.vcpus(),
             config.workload());
  if (!status.why().empty()) fmt::print("  {}\n", status.why());
}

Status run_guest(const GuestCommand& command) {
  CAUSEWAY_ASSIGN(const auto config, command.guest.config(command.name));
  CAUSEWAY_ASSIGN(const auto client, command.client());
  CAUSEWAY_ASSIGN(const auto status, client->run_guest(config));
  if (!command.json.takes_stdout()) {
    if (!status.notice().empty()) fmt::print("{}\n", status.notice());
    fmt::print("guest {} runs (pid {})\n", command.name, status.pid());
  }
  return command.json.write(status_to_json(status));
}

Status list_guests(const GuestCommand& command) {
  CAUSEWAY_ASSIGN(const auto client, command.client());
  CAUSEWAY_ASSIGN(const auto list, client->list_guests());
  nlohmann::json json = {{"agent", list.agent()},
                         {"guests", nlohmann::json::array()}};
  for (const auto& guest : list.guests()) {
    json["guests"].push_back(status_to_json(guest));
  }
  if (command.json.takes_stdout()) return command.json.write(json);
  fmt::print("{:<16} {:<9} {:<8} {:>7} {:>7} {:>5}  {}\n", "GUEST", "STATE",
             "KIND", "MEMORY", "DISK", "VCPUS", "WORKLOAD");
  for (const auto& guest : list.guests()) print_status(guest);
  return command.json.write(json);
}

Status check_guest(const GuestCommand& command) {
  CAUSEWAY_ASSIGN(const auto client, command.client());
  CAUSEWAY_ASSIGN(const auto reply, client->check_guest(command.name));
  const nlohmann::json json = parse_object(reply.json());
  CAUSEWAY_TRY(command.json.write(json));
  if (!reply.ok()) {
    const auto first = json.value("first_error", nlohmann::json::object());
    return make_error(ErrorCode::kContentMismatch,
                      "guest {} is damaged: {} block {}: {}", command.name,
                      text_member(first, "region", "?"),
                      count_member(first, "block"),
                      text_member(first, "what", "not as it was written"));
  }
  if (!command.json.takes_stdout()) {
    fmt::print(
        "guest {} has verified itself: {} pages, {} disk blocks, all "
        "as written\n",
        command.name, count_member(json, "pages"),
        count_member(json, "blocks"));
  }
  return {};
}

Status stop_guest(const GuestCommand& command) {
  CAUSEWAY_ASSIGN(const auto client, command.client());
  CAUSEWAY_TRY(client->stop_guest(command.name));
  fmt::print("guest {} is stopped\n", command.name);
  return {};
}

Status flip_bit(const GuestCommand& command) {
  CAUSEWAY_ASSIGN(const auto client, command.client());
  control::Fault fault;
  fault.set_name(command.name);
  fault.mutable_flipped_bit()->set_region(command.region);
  fault.mutable_flipped_bit()->set_byte(command.byte);
  fault.mutable_flipped_bit()->set_bit(command.bit);
  fault.mutable_flipped_bit()->set_untracked(command.untracked);
  return client->break_guest(fault);
}

Status kill_guest(const GuestCommand& command) {
  CAUSEWAY_ASSIGN(const auto client, command.client());
  control::Fault fault;
  fault.set_name(command.name);
  fault.mutable_death();
  return client->break_guest(fault);
}

CLI::App* add(CLI::App* family, const char* name, const char* help,
              const CommandPointer& command, CommandContext* context,
              Status (*run)(const GuestCommand&)) {
  CLI::App* app = family->add_subcommand(name, help);
  app->add_option("--agent", command->agent, "The agent of the guest's host")
      ->type_name("ADDR:PORT|unix:PATH")
      ->capture_default_str();
  command->tls.add_options(app);
  app->callback([command, context, run] {
    context->run = [command, run] {
      unblock_signals();  // nothing to tidy up
      return run(*command);
    };
  });
  return app;
}

void add_name(CLI::App* app, const CommandPointer& command) {
  app->add_option("NAME", command->name, "The guest's name")->required();
}

}  // namespace

void add_guest_command(CLI::App* app, CommandContext* context) {
  auto command = std::make_shared<GuestCommand>();
  CLI::App* family = app->add_subcommand(
      "guest", "Start, look at, check and stop the guests of a host");
  family->require_subcommand(1);

  CLI::App* run =
      add(family, "run", "Start a lab guest", command, context, &run_guest);
  add_name(run, command);
  command->guest.add_options(run);
  command->json.add_option(run);

  CLI::App* list = add(family, "list", "The guests of a host", command, context,
                       &list_guests);
  command->json.add_option(list);

  CLI::App* check = add(family, "check",
                        "Have a guest verify all its RAM and disk from "
                        "inside",
                        command, context, &check_guest);
  add_name(check, command);
  command->json.add_option(check);

  add_name(add(family, "stop", "End a guest and remove what was made for it",
               command, context, &stop_guest),
           command);

  // For tests: hidden from --help.
  CLI::App* flip = add(family, "flip-bit", "For tests: damage one bit", command,
                       context, &flip_bit);
  add_name(flip, command);
  flip->add_option("--region", command->region)->capture_default_str();
  flip->add_option("--byte", command->byte)->required();
  flip->add_option("--bit", command->bit)->capture_default_str();
  flip->add_flag("--untracked", command->untracked,
                 "Behind the dirty log's back");
  flip->group("");
  CLI::App* kill = add(family, "kill", "For tests: the guest crashes", command,
                       context, &kill_guest);
  add_name(kill, command);
  kill->group("");
}

}  // namespace causeway
