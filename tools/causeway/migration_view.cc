#include "tools/causeway/migration_view.h"

#include <unistd.h>

#include <algorithm>

#include "engine/base/units.h"

namespace causeway {
namespace {

constexpr size_t kBarCells = 24;

// How often a line where there is no bar.
constexpr std::chrono::seconds kLineEvery{1};

double share_done(const control::Progress& progress) {
  if (progress.total_bytes() == 0) return 0;
  const double left = static_cast<double>(progress.remaining_bytes()) /
                      static_cast<double>(progress.total_bytes());
  return std::clamp(1.0 - left, 0.0, 1.0);
}

std::string eta_text(double eta_s) {
  if (!(eta_s >= 0) || eta_s > 1e7) return "ETA unknown";
  return "ETA " + format_duration(Duration(static_cast<int64_t>(eta_s * 1e9)));
}

}  // namespace

std::string progress_text(const control::Progress& progress) {
  const double share = share_done(progress);
  const auto full = static_cast<size_t>(share * kBarCells);
  const std::string bar =
      std::string(full, '#') + std::string(kBarCells - full, '.');
  const uint64_t done =
      progress.total_bytes() -
      std::min(progress.total_bytes(), progress.remaining_bytes());
  if (progress.held()) {
    return fmt::format(
        "[{}] {:3.0f} %  paused: nothing is sent until "
        "`causeway continue`",
        bar, share * 100);
  }
  return fmt::format(
      "[{}] {:3.0f} %  {} of {}  wire {} at {}  dirty {}  round {}  {}", bar,
      share * 100, format_bytes(done), format_bytes(progress.total_bytes()),
      format_bytes(progress.wire_bytes()), format_rate(progress.rate_bytes_s()),
      format_rate(progress.dirty_bytes_s()), progress.round(),
      eta_text(progress.eta_s()));
}

MigrationView::MigrationView(bool quiet)
    : quiet_(quiet), terminal_(isatty(STDOUT_FILENO) == 1) {}

void MigrationView::show(const control::MigrationEvent& event) {
  if (quiet_) return;
  if (event.has_progress()) {
    if (event.progress().round() == 0) return;  // nothing to go through yet
    if (terminal_) {
      show_bar(event.progress());
    } else {
      show_line(event.progress());
    }
    return;
  }
  if (!event.stage().empty() && event.stage() != stage_) {
    stage_ = event.stage();
    say(stage_);
  }
}

void MigrationView::say(const std::string& line) {
  if (quiet_) return;
  end_bar();
  fmt::print("{}\n", line);
  fflush(stdout);
}

void MigrationView::show_bar(const control::Progress& progress) {
  fmt::print("\r{}\x1b[K", progress_text(progress));
  fflush(stdout);
  bar_open_ = true;
}

void MigrationView::show_line(const control::Progress& progress) {
  const auto now = std::chrono::steady_clock::now();
  const bool new_round = progress.round() != last_round_;
  if (!new_round && now - last_line_ < kLineEvery) return;
  last_round_ = progress.round();
  last_line_ = now;
  fmt::print("{}\n", progress_text(progress));
  fflush(stdout);
}

void MigrationView::end_bar() {
  if (!bar_open_) return;
  bar_open_ = false;
  fmt::print("\n");
}

}  // namespace causeway
