// causeway topology: what this host has of nodes and devices, and where a
// mover's work would be pinned.
#include <memory>

#include "engine/base/limits.h"
#include "engine/control/agent_client.h"
#include "tools/causeway/command.h"
#include "tools/causeway/json_output.h"
#include "tools/causeway/tls_arguments.h"
#include "tools/process/signal_watch.h"
#include "tools/topology/host_topology.h"
#include "tools/topology/topology_json.h"
#include "tools/topology/topology_text.h"

namespace causeway {
namespace {

struct TopologyCommand {
  std::string guest;
  std::string agent = "127.0.0.1:7433";
  uint32_t streams = 2;
  TlsArguments tls;
  JsonOutput json;
};

// The agent knows the guest's process; the process knows where its memory is.
Result<GuestPlacement> find_guest(const TopologyCommand& command) {
  CAUSEWAY_ASSIGN(const auto files, command.tls.files_for(command.agent));
  CAUSEWAY_ASSIGN(const auto client, AgentClient::create(command.agent, files));
  CAUSEWAY_ASSIGN(const auto list, client->list_guests());
  for (const auto& status : list.guests()) {
    if (status.config().name() != command.guest) continue;
    CAUSEWAY_ASSIGN(GuestPlacement guest,
                    read_guest_placement(command.guest, status.pid()));
    guest.memory_bytes = status.config().memory_bytes();
    return guest;
  }
  return make_error(ErrorCode::kNotFound, "agent {} has no guest {}",
                    list.agent(), command.guest);
}

Status show(const TopologyCommand& command) {
  std::optional<GuestPlacement> guest;
  if (!command.guest.empty()) {
    CAUSEWAY_ASSIGN(guest, find_guest(command));
  }
  CAUSEWAY_ASSIGN(const HostTopology host,
                  read_host_topology(command.streams, std::move(guest)));
  if (!command.json.takes_stdout()) fmt::print("{}", topology_text(host));
  return command.json.write(topology_to_json(host));
}

}  // namespace

void add_topology_command(CLI::App* app, CommandContext* context) {
  auto command = std::make_shared<TopologyCommand>();
  CLI::App* topology = app->add_subcommand(
      "topology",
      "This host's nodes, verbs devices and network interfaces, and where a "
      "mover would run");
  CLI::Option* const guest =
      topology
          ->add_option("--guest", command->guest,
                       "Plan for this guest, where its memory lies")
          ->type_name("NAME");
  topology
      ->add_option("--agent", command->agent,
                   "The agent of this host, to ask for the guest")
      ->type_name("ADDR:PORT|unix:PATH")
      ->capture_default_str()
      ->needs(guest);
  topology
      ->add_option("--streams", command->streams,
                   "Streams, and a worker at each end for each")
      ->check(CLI::Range(uint32_t{1}, kStreamsMax))
      ->capture_default_str();
  command->tls.add_options(topology);
  command->json.add_option(topology);
  topology->callback([command, context] {
    context->run = [command] {
      unblock_signals();  // nothing to tidy up
      return show(*command);
    };
  });
}

}  // namespace causeway
