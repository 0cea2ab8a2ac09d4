// causeway demo: two hosts, a guest that writes, a live migration, and the
// guest's own word that nothing is lost. Exit 0 only if all of it held.
#include <atomic>
#include <cmath>
#include <memory>

#include "engine/base/units.h"
#include "tools/agent/guest_json.h"
#include "tools/causeway/command.h"
#include "tools/causeway/demo_host.h"
#include "tools/causeway/demo_network.h"
#include "tools/causeway/guest_arguments.h"
#include "tools/causeway/json_output.h"
#include "tools/causeway/migration_run.h"
#include "tools/causeway/report_text.h"
#include "tools/process/signal_watch.h"
#include "tools/wan-emulator/link_spec.h"

namespace causeway {
namespace {

constexpr const char* kGuestName = "demo";

// A guest fills its memory and disk at some hundred MB/s.
constexpr std::chrono::minutes kFillTimeout{10};

// The ledger's lines are written with three decimals each.
constexpr double kLedgerToleranceMs = 0.05;

// The others say all that there is to say.
bool logs_help(const Error& error) {
  return error.code != ErrorCode::kInvalidArgument &&
         error.code != ErrorCode::kPermission &&
         error.code != ErrorCode::kNoSpace;
}

struct DemoArguments {
  GuestArguments guest{512ull << 20, "512M", "mixed:50M"};
  MigrateArguments migration;
  JsonOutput json;
  std::string link;  // wan-emulator/link_spec.h; empty: none
  bool clear = false;
};

class Demo {
 public:
  explicit Demo(const DemoArguments& arguments)
      : arguments_(arguments), view_(arguments.json.takes_stdout()) {}

  Status run(int signal_fd);

 private:
  Status run_steps();
  Status start_hosts();
  Status start_guest();
  Status await_filled();
  Status migrate();
  Status check_guest();
  Status check_report();
  Status report_link();
  Status stop_if_interrupted() const;
  void interrupt();
  void show_logs() const;

  const DemoArguments& arguments_;
  MigrationView view_;
  DemoNetwork network_;
  std::unique_ptr<DemoHost> source_;
  std::unique_ptr<DemoHost> target_;
  nlohmann::json report_;

  std::atomic<bool> interrupted_{false};
  std::mutex mutex_;  // of run_: interrupt() comes from another thread
  MigrationRun* run_ = nullptr;
};

Status Demo::run(int signal_fd) {
  Status status;
  {
    const SignalWatch watch(signal_fd, [this] { interrupt(); });
    status = run_steps();
  }
  if (!status && !interrupted_ && logs_help(status.error())) show_logs();
  source_.reset();
  target_.reset();
  if (interrupted_) {
    return make_error(ErrorCode::kCancelled,
                      "the demo was interrupted; nothing of it is left");
  }
  if (!status) {
    CAUSEWAY_TRY(arguments_.json.write(error_to_json(status.error())));
    return status;
  }
  view_.say("all of it held");
  return arguments_.json.write(report_);
}

Status Demo::run_steps() {
  if (const int removed = remove_leftovers_of_demos(); removed > 0) {
    view_.say(fmt::format("removed what {} earlier demo{} left", removed,
                          removed == 1 ? "" : "s"));
  }
  CAUSEWAY_TRY(start_hosts());
  CAUSEWAY_TRY(start_guest());
  CAUSEWAY_TRY(await_filled());
  CAUSEWAY_TRY(migrate());
  CAUSEWAY_TRY(check_guest());
  CAUSEWAY_TRY(report_link());
  return check_report();
}

void Demo::interrupt() {
  interrupted_ = true;
  const std::lock_guard lock(mutex_);
  if (run_ != nullptr) run_->cancel();
}

Status Demo::stop_if_interrupted() const {
  if (!interrupted_) return {};
  return make_error(ErrorCode::kCancelled, "interrupted");
}

Status Demo::start_hosts() {
  std::string note;
  CAUSEWAY_ASSIGN(network_, DemoNetwork::create(arguments_.link, &note));
  view_.say(note);
  CAUSEWAY_ASSIGN(source_, DemoHost::start(&network_, 0, arguments_.clear));
  CAUSEWAY_ASSIGN(target_, DemoHost::start(&network_, 1, arguments_.clear));
  view_.say(fmt::format(
      "agents: a at {}, b at {}, {}", source_->address(), target_->address(),
      arguments_.clear ? "in the clear" : "TLS 1.3 with a CA of the demo's"));
  return stop_if_interrupted();
}

Status Demo::start_guest() {
  CAUSEWAY_ASSIGN(const auto config, arguments_.guest.config(kGuestName));
  CAUSEWAY_ASSIGN(const auto status, source_->client()->run_guest(config));
  if (!status.notice().empty()) view_.say(status.notice());
  const std::string disk =
      config.disk_bytes() > 0
          ? ", disk " + format_bytes(status.config().disk_bytes())
          : "";
  view_.say(fmt::format("guest {} runs on host a: memory {}{}, workload {}",
                        kGuestName,
                        format_bytes(status.config().memory_bytes()), disk,
                        status.config().workload()));
  return {};
}

// A guest that has not written all its blocks yet would be an easy one.
Status Demo::await_filled() {
  const auto deadline = std::chrono::steady_clock::now() + kFillTimeout;
  for (;;) {
    CAUSEWAY_TRY(stop_if_interrupted());
    CAUSEWAY_ASSIGN(const auto list, source_->client()->list_guests());
    if (list.guests_size() == 1 && list.guests(0).filled()) break;
    if (list.guests_size() == 1 && list.guests(0).state() == "died") {
      return make_error(ErrorCode::kGuestDied, "the guest died: {}",
                        list.guests(0).why());
    }
    if (std::chrono::steady_clock::now() > deadline) {
      return make_error(ErrorCode::kTimeout,
                        "the guest has not filled its memory and disk in {} "
                        "minutes",
                        kFillTimeout.count());
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  view_.say("it has filled its memory and disk and goes on writing");
  return {};
}

Status Demo::migrate() {
  MigrationRun run(source_->client(), &view_);
  {
    const std::lock_guard lock(mutex_);
    run_ = &run;
  }
  auto report = interrupted_
                    ? Result<nlohmann::json>(Error{ErrorCode::kCancelled, ""})
                    : run.run(arguments_.migration.request(kGuestName,
                                                           target_->address()));
  {
    const std::lock_guard lock(mutex_);
    run_ = nullptr;
  }
  if (!report) return std::move(report).error();
  report_ = std::move(report).value();
  view_.say(report_text(report_));
  return stop_if_interrupted();
}

Status Demo::check_guest() {
  CAUSEWAY_ASSIGN(const auto here, source_->client()->list_guests());
  if (here.guests_size() != 0) {
    return make_error(ErrorCode::kInternal,
                      "the guest has moved and host a still has one");
  }
  CAUSEWAY_ASSIGN(const auto reply, target_->client()->check_guest(kGuestName));
  report_["check"] = parse_object(reply.json());
  if (!reply.ok()) {
    return make_error(ErrorCode::kContentMismatch,
                      "the guest found itself damaged at host b: {}",
                      reply.json());
  }
  view_.say(fmt::format(
      "the guest has verified itself on host b: {} pages, {} disk blocks, all "
      "as it wrote them",
      count_member(report_["check"], "pages"),
      count_member(report_["check"], "blocks")));
  return stop_if_interrupted();
}

// The link belongs to the report: figures of a run through a link that was not
// what it should be are worth nothing.
Status Demo::report_link() {
  if (!network_.has_link()) return {};
  CAUSEWAY_ASSIGN(nlohmann::json link, network_.link_counters());
  link["spec"] = arguments_.link;
  const nlohmann::json& there = link["a-to-b"];
  view_.say(fmt::format(
      "the link carried {} in {} frames from a to b, lost {}, dropped {} that "
      "found its queue full",
      format_bytes(count_member(there, "carried_bytes")),
      count_member(there, "carried_frames"), count_member(there, "lost_frames"),
      count_member(there, "queue_dropped_frames")));
  for (const auto& fault : link["faults"]) {
    view_.say(
        "the link was not what it was set to, the figures are not valid: " +
        fault.get<std::string>());
  }
  report_["link"] = std::move(link);
  return {};
}

// What the demo promises besides: the proof held, no step was lost, and the
// ledger accounts for the whole blackout.
Status Demo::check_report() {
  double sum_ms = 0;
  const auto ledger = report_.value("ledger", nlohmann::json::object());
  for (const auto& line : ledger) {
    if (line.is_number()) sum_ms += line.get<double>();
  }
  const double blackout_ms = number_member(report_, "blackout_ms", -1);
  if (std::abs(sum_ms - blackout_ms) > kLedgerToleranceMs) {
    return make_error(ErrorCode::kInternal,
                      "the ledger adds up to {:.3f} ms, the blackout was "
                      "{:.3f} ms",
                      sum_ms, blackout_ms);
  }
  if (!flag_member(report_, "verified")) {
    return make_error(ErrorCode::kContentMismatch,
                      "the content was not verified");
  }
  if (!report_.contains("guest_steps_lost") ||
      count_member(report_, "guest_steps_lost") != 0) {
    return make_error(ErrorCode::kContentMismatch, "the guest lost steps");
  }
  return {};
}

void Demo::show_logs() const {
  for (const DemoHost* host : {source_.get(), target_.get()}) {
    if (host == nullptr) continue;
    fmt::print(stderr, "log of host {}:\n{}", host->name(), host->log());
  }
}

}  // namespace

void add_demo_command(CLI::App* app, CommandContext* context) {
  auto arguments = std::make_shared<DemoArguments>();
  CLI::App* demo = app->add_subcommand(
      "demo", "Two hosts on this machine, a guest, a live migration");
  arguments->guest.add_options(demo);
  arguments->migration.add_options(demo);
  arguments->json.add_option(demo);
  demo->add_option("--link", arguments->link,
                   "Between the hosts a link with a rate (bits a second), a "
                   "round trip and a loss: 100M,50ms,0.1%")
      ->type_name("SPEC")
      ->check([](const std::string& text) {
        const auto spec = parse_link_spec(text);
        return spec ? std::string() : spec.error().message;
      });
  demo->add_flag("--clear", arguments->clear, "Without encryption");
  demo->callback([arguments, context] {
    context->run = [arguments, context] {
      return Demo(*arguments).run(context->signal_fd);
    };
  });
}

}  // namespace causeway
