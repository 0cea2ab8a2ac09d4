// causeway agent: the service of one host.
#include <fmt/format.h>
#include <poll.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <memory>
#include <set>

#include "dpdk-wan/port/ip_address.h"
#include "engine/base/host_port.h"
#include "engine/control/agent_address.h"
#include "engine/control/agent_server.h"
#include "engine/path/stripe/limits.h"
#include "engine/path/tcp/certificate.h"
#include "engine/path/tcp/tls_context.h"
#include "tools/agent/agent.h"
#include "tools/agent/gatekeeper.h"
#include "tools/agent/metrics_server.h"
#include "tools/causeway/command.h"
#include "tools/causeway/option_values.h"
#include "tools/causeway/tls_arguments.h"
#include "tools/process/child_process.h"
#include "tools/process/signal_watch.h"

namespace causeway {
namespace {

struct AgentArguments {
  AgentOptions agent;
  std::string listen = "127.0.0.1:7433";
  std::string metrics;  // where Prometheus asks; empty: nowhere
  bool ephemeral = false;
  TlsArguments tls;
  std::vector<std::string> operators;
  std::vector<std::string> peers;
  // One a DPDK port; the gateways may be one for all, or none.
  std::vector<std::string> wan_devices;
  std::vector<std::string> wan_addresses;
  std::vector<std::string> wan_gateways;
  uint32_t wan_mtu_bytes = 1500;
  std::vector<std::string> wan_via;
  std::vector<std::string> rdma_fabrics;
};

void start_log(const std::string& name) {
  auto log = spdlog::stderr_logger_mt("causeway");
  log->set_pattern("%Y-%m-%dT%H:%M:%S.%e " + name + " %l %v");
  log->flush_on(spdlog::level::info);
  spdlog::set_default_logger(std::move(log));
}

// Movers listen where the agent does, on a port of their own.
Status set_mover_address(AgentArguments* arguments) {
  CAUSEWAY_ASSIGN(AgentAddress address, parse_agent_address(arguments->listen));
  if (address.is_unix()) return {};
  address.port = 0;
  arguments->agent.mover_listen = address.text();
  return {};
}

// Who started us, a script or a test, learns from this line that we answer,
// and where.
void announce(const AgentServer& server) {
  std::string line = "listening";
  for (const std::string& address : server.addresses()) line += " " + address;
  fmt::print("{}\n", line);
  fflush(stdout);
  spdlog::info("{}", line);
}

// Who may call. Says it, so that the log explains a refusal.
Result<AccessRules> access_rules(const AgentArguments& arguments) {
  AccessRules rules;
  rules.host = arguments.agent.name;
  rules.in_clear = !arguments.agent.tls;
  if (rules.in_clear) {
    spdlog::warn(
        "--clear: nothing is encrypted, and whoever reaches this agent "
        "commands it");
    return rules;
  }
  CAUSEWAY_ASSIGN(const std::string own,
                  read_certificate_name(arguments.agent.tls->certificate));
  rules.operators = {arguments.operators.begin(), arguments.operators.end()};
  rules.operators.insert(own);
  rules.peers = {arguments.peers.begin(), arguments.peers.end()};
  spdlog::info("is {} by its certificate; operators: {}; guests come from: {}",
               own, fmt::join(rules.operators, " "),
               rules.peers.empty()
                   ? "nobody (--allow NAME)"
                   : fmt::to_string(fmt::join(rules.peers, " ")));
  return rules;
}

Status serve(const AgentArguments& arguments, Agent* agent, int signal_fd) {
  std::vector<std::string> addresses = {arguments.listen};
  const std::string local = "unix:" + agent->state_folder() + "/agent.sock";
  if (parse_agent_address(local)) addresses.push_back(local);
  AgentServerOptions options;
  options.tls = arguments.agent.tls;
  CAUSEWAY_ASSIGN(AccessRules rules, access_rules(arguments));
  Gatekeeper gatekeeper(agent, std::move(rules));
  CAUSEWAY_ASSIGN(const auto server, AgentServer::listen(addresses, &gatekeeper,
                                                         &gatekeeper, options));
  agent->set_address(server->addresses().front());
  announce(*server);
  std::unique_ptr<MetricsServer> metrics;
  if (!arguments.metrics.empty()) {
    CAUSEWAY_ASSIGN(metrics, MetricsServer::listen(arguments.metrics, [agent] {
                      return agent->metrics_text();
                    }));
    spdlog::info("metrics at http://{}/metrics", metrics->address());
  }
  std::vector<int> stop_fds = {signal_fd};
  // It ends with whoever holds the other end of its stdin.
  if (arguments.ephemeral) stop_fds.push_back(STDIN_FILENO);
  agent->watch_guests(stop_fds);
  spdlog::info("stopping: cancels what is on its way");
  agent->cancel_moves();
  return {};
}

// Whether the device is there shows with the first migration: until then
// another program may have it.
Status check_port(const PortOptions& port) {
  const auto prefix = parse_ip_prefix(port.address);
  if (!prefix) {
    return make_error(ErrorCode::kInvalidArgument, "--wan-address: {}",
                      prefix.error().message);
  }
  if (port.gateway.empty()) return {};
  const auto gateway = parse_ip_address(port.gateway);
  if (gateway) return {};
  return make_error(ErrorCode::kInvalidArgument, "--wan-gateway: {}",
                    gateway.error().message);
}

// "net_af_packet0" of "net_af_packet0,iface=eth1".
std::string device_name(const std::string& device) {
  return device.substr(0, device.find(','));
}

Status set_ports(AgentArguments* arguments) {
  const auto& devices = arguments->wan_devices;
  const auto& gateways = arguments->wan_gateways;
  if (devices.size() != arguments->wan_addresses.size() ||
      (gateways.size() > 1 && gateways.size() != devices.size()) ||
      devices.size() > kStripeLanesMax) {
    return make_error(ErrorCode::kInvalidArgument,
                      "{} --wan-device, {} --wan-address and {} --wan-gateway: "
                      "each device needs its address, and one gateway for all "
                      "or its own; {} devices at most",
                      devices.size(), arguments->wan_addresses.size(),
                      gateways.size(), kStripeLanesMax);
  }
  std::set<std::string> names;
  for (size_t i = 0; i < devices.size(); ++i) {
    PortOptions port;
    port.device = devices[i];
    port.address = arguments->wan_addresses[i];
    if (!gateways.empty()) port.gateway = gateways[i % gateways.size()];
    port.mtu_bytes = arguments->wan_mtu_bytes;
    CAUSEWAY_TRY(check_port(port));
    if (!names.insert(device_name(port.device)).second) {
      return make_error(ErrorCode::kInvalidArgument,
                        "--wan-device: {} is there twice; number virtual "
                        "devices (net_af_packet0, net_af_packet1)",
                        device_name(port.device));
    }
    arguments->agent.wan.ports.push_back(std::move(port));
  }
  return {};
}

// Addresses without a port: each lane takes a free one.
Status set_lanes(AgentArguments* arguments) {
  if (arguments->wan_via.size() > kStripeLanesMax) {
    return make_error(ErrorCode::kInvalidArgument,
                      "--wan-via: {} lanes are not possible; {} at most",
                      arguments->wan_via.size(), kStripeLanesMax);
  }
  for (const std::string& via : arguments->wan_via) {
    const auto address = parse_ip_address(via);
    if (!address) {
      return make_error(ErrorCode::kInvalidArgument, "--wan-via: {}",
                        address.error().message);
    }
    arguments->agent.wan.via.push_back(HostPort{via, 0}.text());
  }
  return {};
}

Status set_fabrics(AgentArguments* arguments) {
  RdmaEnds& ends = arguments->agent.rdma;
  for (const std::string& text : arguments->rdma_fabrics) {
    CAUSEWAY_ASSIGN(RdmaFabric fabric, parse_rdma_fabric(text));
    if (ends.find(fabric.name) != nullptr) {
      return make_error(ErrorCode::kInvalidArgument,
                        "--rdma-fabric: {} is there twice", fabric.name);
    }
    ends.fabrics.push_back(std::move(fabric));
  }
  if (ends.pinned_bytes_max >= kRdmaPinnedBytesMin) return {};
  return make_error(ErrorCode::kInvalidArgument,
                    "--rdma-pinned: {} bytes are too few; {} at least",
                    ends.pinned_bytes_max, kRdmaPinnedBytesMin);
}

Status run_agent(AgentArguments arguments, int signal_fd) {
  umask(077);
  start_log(arguments.agent.name);
  arguments.agent.program_folder = program_folder();
  CAUSEWAY_TRY(set_mover_address(&arguments));
  CAUSEWAY_ASSIGN(arguments.agent.tls, arguments.tls.files());
  // Said now, not by the first migration.
  if (arguments.agent.tls) {
    CAUSEWAY_TRY(TlsContext::load({*arguments.agent.tls, ""}));
  }
  CAUSEWAY_TRY(set_ports(&arguments));
  CAUSEWAY_TRY(set_lanes(&arguments));
  CAUSEWAY_TRY(set_fabrics(&arguments));
  CAUSEWAY_ASSIGN(const auto agent, Agent::create(arguments.agent));
  const std::string state = agent->state_folder();
  Status status = serve(arguments, agent.get(), signal_fd);
  if (arguments.ephemeral) {
    agent->guests().stop_all();
    std::error_code ignored;
    std::filesystem::remove_all(state, ignored);
    return status;
  }
  if (const size_t left = agent->count_guests(); left > 0) {
    spdlog::info(
        "stopped; {} guest{} run{} on, an agent with --state {} "
        "finds them again",
        left, left == 1 ? "" : "s", left == 1 ? "s" : "", state);
  }
  return status;
}

void add_port_options(CLI::App* command, AgentArguments* arguments) {
  CLI::Option* device =
      command
          ->add_option("--wan-device", arguments->wan_devices,
                       "Packets of the wan path go through this DPDK port: a "
                       "PCI address or a virtual device; one migration at a "
                       "time (default: the kernel's UDP). Repeatable, up to "
                       "4: moves use all of them at once, as with --wan-via")
          ->type_name("DEVICE");
  CLI::Option* address =
      command
          ->add_option("--wan-address", arguments->wan_addresses,
                       "Its address, which the kernel must not have too; one "
                       "a device")
          ->type_name("ADDR/PREFIX")
          ->needs(device);
  device->needs(address);
  command
      ->add_option("--wan-gateway", arguments->wan_gateways,
                   "Who knows the way beyond the prefix; one for all devices, "
                   "or one a device")
      ->type_name("ADDR")
      ->needs(device);
  command->add_option("--wan-mtu", arguments->wan_mtu_bytes, "Its MTU in bytes")
      ->check(CLI::Range(1280, 9216))
      ->capture_default_str()
      ->needs(device);
}

}  // namespace

void add_agent_command(CLI::App* app, CommandContext* context) {
  auto arguments = std::make_shared<AgentArguments>();
  CLI::App* command = app->add_subcommand(
      "agent", "Serve one host: its guests, and moves from and to it");
  command->add_option("--name", arguments->agent.name, "This host's name")
      ->required();
  command
      ->add_option("--listen", arguments->listen,
                   "Where callers, other agents and movers connect (port 0: "
                   "a free one)")
      ->type_name("ADDR:PORT")
      ->capture_default_str();
  command
      ->add_option("--state", arguments->agent.state_folder,
                   "Folder of its guests and of its local socket, agent.sock")
      ->type_name("DIR")
      ->required();
  arguments->tls.add_options(command);
  command
      ->add_option("--allow", arguments->peers,
                   "A host whose guests may come here, by its certificate's "
                   "name (repeatable; default: none)")
      ->type_name("NAME");
  command
      ->add_option("--operator", arguments->operators,
                   "Who may command this agent besides its own certificate "
                   "and its local socket (repeatable)")
      ->type_name("NAME");
  add_port_options(command, arguments.get());
  command
      ->add_option("--wan-via", arguments->wan_via,
                   "An address of this host for a lane of the wan path "
                   "(repeatable, up to 4): moves use all lanes at once, the "
                   "source's i-th with the target's i-th (default: one "
                   "connection, by the host's routes)")
      ->type_name("ADDR")
      ->excludes("--wan-device");
  command
      ->add_option("--rdma-fabric", arguments->rdma_fabrics,
                   "An RDMA fabric that this host trusts, and the address of "
                   "its verbs device there: moves to hosts that trust it too "
                   "go by RDMA, unencrypted (repeatable, the best first; see "
                   "causeway topology)")
      ->type_name("NAME=ADDR");
  add_bytes_option(command, "--rdma-pinned",
                   &arguments->agent.rdma.pinned_bytes_max,
                   "Guest memory that a move by RDMA may pin here at once");
  command
      ->add_option("--index", arguments->agent.index,
                   "Content index of this host or site: what is in it need "
                   "not come over the link; see causeway index (default: the "
                   "state folder's, if there is one)")
      ->type_name("LOCATION");
  command
      ->add_option("--index-key", arguments->agent.index_key,
                   "File with the key of its names (default: the state "
                   "folder's)")
      ->type_name("FILE");
  command->add_flag("--index-guests", arguments->agent.index_guests,
                    "Keep the guests' disks and memory in the index, so that "
                    "guests that come find what others have");
  add_bytes_option(command, "--memory-limit",
                   &arguments->agent.memory_limit_bytes,
                   "Memory that guests may have here in all (0: no limit)");
  command
      ->add_option("--metrics", arguments->metrics,
                   "Serve Prometheus metrics here, at /metrics (default: "
                   "nowhere)")
      ->type_name("ADDR:PORT");
  // For the demo and for tests.
  command->add_flag("--ephemeral", arguments->ephemeral)->group("");
  command->add_option("--vmm-argument", arguments->agent.vmm_arguments)
      ->group("");
  command->footer(
      "SIGTERM or Ctrl-C ends it; guests run on and are found again.\n"
      "With --clear anyone who reaches ADDR:PORT can command it.");
  command->callback([arguments, context] {
    context->run = [arguments, context] {
      return run_agent(*arguments, context->signal_fd);
    };
  });
}

}  // namespace causeway
