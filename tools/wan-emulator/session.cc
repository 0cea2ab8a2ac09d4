#include "tools/wan-emulator/session.h"

#include <algorithm>
#include <utility>

#include "engine/runtime/clock.h"
#include "tools/wan-emulator/counters.h"
#include "tools/wan-emulator/real_time.h"

namespace causeway {
Result<std::unique_ptr<Session>> Session::create(
    const SessionOptions& options) {
  std::unique_ptr<Session> session(new Session(options));
  CAUSEWAY_TRY(session->open());
  return session;
}

Session::Session(const SessionOptions& options)
    : options_(options),
      control_([this](const std::string& line) { return answer(line); }) {}

Status Session::open() {
  if (!options_.script_path.empty()) {
    CAUSEWAY_ASSIGN(script_,
                    read_script(options_.script_path, options_.emulator.links));
  }
  CAUSEWAY_ASSIGN(emulator_, Emulator::create(options_.emulator));
  if (!options_.control_path.empty()) {
    CAUSEWAY_TRY(control_.listen(options_.control_path));
  }
  if (options_.standard_streams) control_.use_standard_streams();
  real_time_lack_ =
      options_.real_time ? take_real_time_priority() : "not asked for";
  return {};
}

Instant Session::next_stop() const {
  Instant stop = kNever;
  if (options_.run_for > Duration::zero()) stop = began_ + options_.run_for;
  if (next_change_ < script_.size()) {
    stop = std::min(stop, began_ + script_[next_change_].at);
  }
  return stop;
}

void Session::run(int signal_fd) {
  began_ = monotonic_now();
  std::vector<pollfd> others;
  while (!ending_) {
    make_due_changes();
    emulator_->step();
    const std::span<pollfd> commands = control_.fds();
    others.assign(commands.begin(), commands.end());
    others.push_back({signal_fd, POLLIN, 0});
    emulator_->wait(others, next_stop());
    std::copy_n(others.begin(), commands.size(), commands.begin());
    control_.serve();
    const bool over = options_.run_for > Duration::zero() &&
                      monotonic_now() >= began_ + options_.run_for;
    if (over || others.back().revents != 0) ending_ = true;
  }
}

void Session::make_due_changes() {
  while (next_change_ < script_.size() &&
         began_ + script_[next_change_].at <= monotonic_now()) {
    const Change& due = script_[next_change_++];
    // It fitted when the script was read; a command may have come between.
    if (const Status status = change(due); !status) {
      script_errors_.push_back(status.error().message);
    }
  }
}

Status Session::change(const Change& change) {
  LinkPair links = emulator_->links();
  CAUSEWAY_TRY(apply_change(change, &links));
  emulator_->set(links);
  return {};
}

nlohmann::json Session::counters() {
  nlohmann::json json = counters_to_json(*emulator_, real_time_lack_);
  json["script_changes_made"] = next_change_;
  const std::vector<std::string> all = faults();
  json["faults"] = all;
  json["valid"] = all.empty();
  return json;
}

std::vector<std::string> Session::faults() {
  std::vector<std::string> all = faults_of(*emulator_);
  for (const std::string& error : script_errors_) {
    all.push_back("a change of the script did not fit: " + error);
  }
  return all;
}

std::string Session::answer(const std::string& line) {
  // An error quotes the line, which may be no text at all.
  return obey(line).dump(-1, ' ', false,
                         nlohmann::json::error_handler_t::replace);
}

nlohmann::json Session::obey(const std::string& line) {
  constexpr std::string_view kSet = "set ";
  if (line == "end") {
    ending_ = true;
    return {{"ok", true}};
  }
  if (line == "counters") return {{"ok", true}, {"counters", counters()}};
  Status status = make_error(ErrorCode::kInvalidArgument,
                             "\"{}\" is no command; there are set, counters "
                             "and end",
                             line);
  if (line.starts_with(kSet)) {
    auto parsed = parse_change(std::string_view(line).substr(kSet.size()));
    status = parsed ? change(*parsed) : Status(std::move(parsed).error());
  }
  if (status) return {{"ok", true}};
  return {{"ok", false}, {"error", status.error().message}};
}

}  // namespace causeway
