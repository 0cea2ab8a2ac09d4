// causeway probe: what the paths between two hosts give.
#include <algorithm>
#include <memory>

#include "engine/control/agent_client.h"
#include "tools/causeway/command.h"
#include "tools/causeway/json_output.h"
#include "tools/causeway/option_values.h"
#include "tools/causeway/tls_arguments.h"
#include "tools/process/signal_watch.h"

namespace causeway {
namespace {

struct ProbeCommand {
  std::string from;
  std::string to;
  std::string path = "all";
  Duration duration{std::chrono::seconds(5)};
  TlsArguments tls;
  JsonOutput json;
};

control::ProbeRequest request_of(const ProbeCommand& command) {
  control::ProbeRequest request;
  request.set_to(command.to);
  if (command.path != "all") request.add_paths(command.path);
  request.set_duration_us(static_cast<uint64_t>(
      std::chrono::duration_cast<std::chrono::microseconds>(command.duration)
          .count()));
  return request;
}

void print_rdma(const control::RdmaProbe& rdma) {
  fmt::print(
      "      fabric {}: READ of 4 KiB {:.1f} us (least {:.1f}), WRITE {:.1f} "
      "us "
      "(least {:.1f}),\n"
      "      registration {:.1f} Mbit/s, port {:.0f} Mbit/s, MTU {} of {} "
      "bytes\n"
      "      limited by {}: {}\n",
      rdma.fabric(), rdma.read_us(), rdma.read_us_least(), rdma.write_us(),
      rdma.write_us_least(), rdma.registration_bytes_s() * 8 / 1e6,
      rdma.port_bits_s() / 1e6, rdma.mtu_bytes(), rdma.mtu_bytes_max(),
      rdma.limit(), rdma.why());
}

void print_row(const control::PathProbe& probe) {
  if (!probe.trouble().empty()) {
    fmt::print("{:<6}{}\n", probe.path(), probe.trouble());
  } else {
    fmt::print("{:<6}{:>10.2f}{:>14.1f}{:>10.3f}{:>12.1f}\n", probe.path(),
               probe.rtt_ms(), probe.bytes_s() * 8 / 1e6, 100 * probe.loss(),
               static_cast<double>(probe.bytes()) / 1e6);
  }
  if (probe.has_rdma()) print_rdma(probe.rdma());
  fflush(stdout);
}

nlohmann::json json_of(const control::RdmaProbe& rdma) {
  return {{"fabric", rdma.fabric()},
          {"read_us", rdma.read_us()},
          {"read_us_least", rdma.read_us_least()},
          {"write_us", rdma.write_us()},
          {"write_us_least", rdma.write_us_least()},
          {"registration_bytes_s", rdma.registration_bytes_s()},
          {"port_bits_s", rdma.port_bits_s()},
          {"mtu_bytes", rdma.mtu_bytes()},
          {"mtu_bytes_max", rdma.mtu_bytes_max()},
          {"thread_share", rdma.thread_share()},
          {"host_share", rdma.host_share()},
          {"limit", rdma.limit()},
          {"why", rdma.why()}};
}

nlohmann::json json_of(const control::PathProbe& probe) {
  if (!probe.trouble().empty()) {
    return {{"path", probe.path()}, {"trouble", probe.trouble()}};
  }
  nlohmann::json json = {
      {"path", probe.path()},       {"rtt_ms", probe.rtt_ms()},
      {"bytes_s", probe.bytes_s()}, {"loss", probe.loss()},
      {"bytes", probe.bytes()},     {"seconds", probe.seconds()}};
  if (probe.has_rdma()) json["rdma"] = json_of(probe.rdma());
  return json;
}

Status probe(const ProbeCommand& command) {
  CAUSEWAY_ASSIGN(const auto files, command.tls.files_for(command.from));
  CAUSEWAY_ASSIGN(const auto source, AgentClient::create(command.from, files));
  nlohmann::json paths = nlohmann::json::array();
  std::string last_trouble;
  bool any = false;
  const bool table = !command.json.takes_stdout();
  if (table) {
    fmt::print("{:<6}{:>10}{:>14}{:>10}{:>12}\n", "path", "rtt ms", "Mbit/s",
               "loss %", "MB sent");
    fflush(stdout);
  }
  const Status probed =
      source->probe(request_of(command), [&](const control::PathProbe& result) {
        paths.push_back(json_of(result));
        any |= result.trouble().empty();
        last_trouble = result.trouble();
        if (table) print_row(result);
      });
  if (!probed) {
    CAUSEWAY_TRY(command.json.write(error_to_json(probed.error())));
    return probed;
  }
  CAUSEWAY_TRY(command.json.write(
      {{"from", command.from}, {"to", command.to}, {"paths", paths}}));
  if (any) return {};
  return make_error(ErrorCode::kUnreachable,
                    "no path between the two could be measured: {}",
                    last_trouble);
}

}  // namespace

void add_probe_command(CLI::App* app, CommandContext* context) {
  auto command = std::make_shared<ProbeCommand>();
  CLI::App* probe_app = app->add_subcommand(
      "probe", "Measure round trip, rate and loss between two hosts");
  probe_app
      ->add_option("--from", command->from, "The agent of the host that sends")
      ->type_name("ADDR:PORT|unix:PATH")
      ->required();
  probe_app
      ->add_option("--to", command->to,
                   "The agent of the other, as the first reaches it")
      ->type_name("ADDR:PORT")
      ->required();
  probe_app
      ->add_option("--path", command->path,
                   "tcp, wan, rdma, or all, one after the other: rdma where "
                   "the sending host trusts a fabric")
      ->check(CLI::IsMember({"tcp", "wan", "rdma", "all"}))
      ->capture_default_str();
  add_duration_option(probe_app, "--duration", &command->duration,
                      "How long for each path, 1s to 60s; it sends as fast as "
                      "the path goes, at most 4 GiB")
      ->default_str("5s");
  command->tls.add_options(probe_app);
  command->json.add_option(probe_app);
  probe_app->footer(
      "rdma measures one connection as perftest does: READs and WRITEs of "
      "4 KiB one at a time,\n"
      "WRITEs of 64 KiB as many as go; and says what a move would be limited "
      "by.\n"
      "Who may move guests between the two may probe. Ctrl-C ends it at both "
      "hosts.");
  probe_app->callback([command, context] {
    context->run = [command] {
      unblock_signals();  // the agents tidy up when the call is gone
      return probe(*command);
    };
  });
}

}  // namespace causeway
