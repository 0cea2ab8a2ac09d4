// causeway-wan-emulator: a link with a rate, a delay and losses between two
// network interfaces; README.md.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <random>

#include "engine/base/units.h"
#include "tools/causeway/exit_code.h"
#include "tools/causeway/json_output.h"
#include "tools/causeway/option_values.h"
#include "tools/process/signal_watch.h"
#include "tools/wan-emulator/link_spec.h"
#include "tools/wan-emulator/self_test.h"
#include "tools/wan-emulator/session.h"

namespace causeway {
namespace {

struct Arguments {
  std::vector<std::string> interfaces;
  std::string link;
  std::string both;
  std::array<std::string, kDirections> one_way;
  SessionOptions session;
  SelfTestOptions self_test;
  JsonOutput json;
  bool self_test_wanted = false;
  bool no_real_time = false;
};

void add_link_options(CLI::App* app, Arguments* arguments) {
  app->add_option("interfaces", arguments->interfaces,
                  "The two interfaces, A and B, between which the link lies")
      ->type_name("A B")
      ->expected(2);
  app->add_option("--link", arguments->link,
                  "Rate, ROUND TRIP and loss, the same both ways: "
                  "100M,50ms,0.1%")
      ->type_name("SPEC");
  app->add_option("--both", arguments->both,
                  "Settings of both directions, delays ONE WAY: "
                  "rate=100M,delay=25ms,jitter=2ms,loss=0.1%,burst=4,"
                  "reorder=1%,reorder-by=1ms,queue=1M")
      ->type_name("SETTINGS");
  for (int i = 0; i < kDirections; ++i) {
    app->add_option(std::string("--") + direction_name(i),
                    arguments->one_way[static_cast<size_t>(i)],
                    "Settings of this direction, after the others")
        ->type_name("SETTINGS");
  }
}

void add_run_options(CLI::App* app, Arguments* arguments) {
  SessionOptions& session = arguments->session;
  app->add_option("--script", session.script_path,
                  "Changes while it runs, a line each: TIME "
                  "a-to-b|b-to-a|both SETTINGS")
      ->type_name("FILE");
  app->add_option("--control", session.control_path,
                  "Takes commands at this UNIX socket, a line each: set "
                  "DIRECTION SETTINGS, counters, end")
      ->type_name("PATH");
  app->add_flag("--stdin", session.standard_streams,
                "Takes the same commands from standard input, whose end ends "
                "the emulator; answers on standard output");
  add_duration_option(app, "--for", &session.run_for, "Ends after this time");
  app->add_option("--seed", session.emulator.seed,
                  "Of all chances; by default another one each time");
  add_duration_option(app, "--late-limit", &session.emulator.late_limit,
                      "A frame sent later than this is late, and the run is "
                      "not valid; default 5ms");
  add_bytes_option(app, "--memory", &session.emulator.memory_bytes,
                   "The most for frames under way, in each direction");
  app->add_flag("--no-real-time", arguments->no_real_time,
                "Does not ask for real-time priority");
}

Status check_memory(uint64_t bytes) {
  if (bytes >= kFrameMemoryBytesMin && bytes <= kFrameMemoryBytesMax) return {};
  return make_error(ErrorCode::kInvalidArgument,
                    "--memory: {} is not between {} and {}",
                    format_bytes(bytes), format_bytes(kFrameMemoryBytesMin),
                    format_bytes(kFrameMemoryBytesMax));
}

Error named(const char* option, Error error) {
  error.message = std::string(option) + ": " + error.message;
  return error;
}

// --link, then --both, then each direction's own.
Result<LinkPair> links_of(const Arguments& arguments) {
  LinkPair links;
  if (!arguments.link.empty()) {
    auto spec = parse_link_spec(arguments.link);
    if (!spec) return named("--link", std::move(spec).error());
    links.fill(spec->settings());
  }
  for (size_t i = 0; i < kDirections; ++i) {
    if (!arguments.both.empty()) {
      auto link = parse_link_settings(arguments.both, links[i]);
      if (!link) return named("--both", std::move(link).error());
      links[i] = *link;
    }
    if (arguments.one_way[i].empty()) continue;
    auto link = parse_link_settings(arguments.one_way[i], links[i]);
    if (!link) {
      return named(i == 0 ? "--a-to-b" : "--b-to-a", std::move(link).error());
    }
    links[i] = *link;
  }
  return links;
}

void say(const Arguments& arguments, const std::string& text) {
  if (arguments.json.takes_stdout() || arguments.session.standard_streams) {
    return;
  }
  fmt::print("{}\n", text);
  std::fflush(stdout);
}

std::string link_text(const LinkSettings& link) {
  return fmt::format("{}, delay {}, loss {:g}%",
                     format_bit_rate(link.rate_bits_s),
                     format_duration(link.delay), mean_loss(link.loss) * 100);
}

std::string summary(const nlohmann::json& counters) {
  std::string text;
  for (int i = 0; i < kDirections; ++i) {
    const nlohmann::json& one = counters[direction_name(i)];
    text += fmt::format(
        "{}: {} frames in, {} out, {} lost, {} found the queue full; late by "
        "{:.0f} us (median), {:.0f} us (most)\n",
        direction_name(i), one["offered_frames"].get<uint64_t>(),
        one["delivered_frames"].get<uint64_t>(),
        one["lost_frames"].get<uint64_t>(),
        one["queue_dropped_frames"].get<uint64_t>(),
        one["lateness_us"]["p50"].get<double>(),
        one["lateness_us"]["max"].get<double>());
  }
  text.pop_back();
  return text;
}

Status run_link(Arguments* arguments, int signal_fd) {
  if (arguments->interfaces.empty()) {
    return make_error(ErrorCode::kInvalidArgument,
                      "name the two interfaces, or --self-test");
  }
  CAUSEWAY_TRY(check_memory(arguments->session.emulator.memory_bytes));
  EmulatorOptions& emulator = arguments->session.emulator;
  std::copy_n(arguments->interfaces.begin(), kDirections,
              emulator.interfaces.begin());
  CAUSEWAY_ASSIGN(emulator.links, links_of(*arguments));
  CAUSEWAY_ASSIGN(auto session, Session::create(arguments->session));
  if (!session->real_time_lack().empty() && arguments->session.real_time) {
    fmt::print(stderr,
               "causeway-wan-emulator: no real-time priority ({}): frames may "
               "be late; look at \"valid\"\n",
               session->real_time_lack());
  }
  say(*arguments,
      fmt::format("forwarding; {} to {}: {}; back: {}", emulator.interfaces[0],
                  emulator.interfaces[1], link_text(emulator.links[0]),
                  link_text(emulator.links[1])));
  if (arguments->session.standard_streams) {
    fmt::print("{{\"ready\":true}}\n");
    std::fflush(stdout);
  }
  session->run(signal_fd);
  const nlohmann::json counters = session->counters();
  say(*arguments, summary(counters));
  for (const std::string& fault : session->faults()) {
    fmt::print(stderr, "causeway-wan-emulator: not valid: {}\n", fault);
  }
  return arguments->json.write(counters);
}

Status measure(const Arguments& arguments, int signal_fd) {
  SelfTestOptions options = arguments.self_test;
  options.real_time = arguments.session.real_time;
  options.late_limit = arguments.session.emulator.late_limit;
  CAUSEWAY_ASSIGN(const nlohmann::json json, run_self_test(options, signal_fd));
  if (!arguments.json.takes_stdout()) fmt::print("{}\n", json.dump(2));
  return arguments.json.write(json);
}

int fail(const Arguments& arguments, const Error& error) {
  fmt::print(stderr, "causeway-wan-emulator: {}\n", error.message);
  if (const Status wrote = arguments.json.write(error_to_json(error)); !wrote) {
    fmt::print(stderr, "causeway-wan-emulator: {}\n", wrote.error().message);
  }
  return exit_code(error.code);
}

int run(int argc, char** argv) {
  Arguments arguments;
  auto signals = block_signals();
  if (!signals) return fail(arguments, signals.error());
  arguments.session.emulator.seed = std::random_device{}();
  CLI::App app(
      "A link with a rate, a delay and losses between two network interfaces.",
      "causeway-wan-emulator");
  app.set_version_flag("--version", "causeway-wan-emulator " CAUSEWAY_VERSION);
  app.footer("Exit codes stand in tools/README.md.");
  add_link_options(&app, &arguments);
  add_run_options(&app, &arguments);
  arguments.json.add_option(&app);
  app.add_flag("--self-test", arguments.self_test_wanted,
               "Measures what rate it keeps here and how exact its times are; "
               "makes network namespaces of its own");
  add_duration_option(&app, "--self-test-each", &arguments.self_test.each,
                      "How long it sends for each figure; default 1s");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kUsageExitCode;
  }
  arguments.session.real_time = !arguments.no_real_time;
  const Status status = arguments.self_test_wanted
                            ? measure(arguments, signals->get())
                            : run_link(&arguments, signals->get());
  if (!status) return fail(arguments, status.error());
  return 0;
}

}  // namespace
}  // namespace causeway

int main(int argc, char** argv) { return causeway::run(argc, argv); }
