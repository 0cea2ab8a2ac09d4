#include "tools/index/index_view.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "engine/base/units.h"

namespace causeway {
namespace {

constexpr size_t kBarCells = 24;
// How often a line where there is no bar.
constexpr std::chrono::seconds kLineEvery{5};

using Clock = std::chrono::steady_clock;

}  // namespace

IndexView::IndexView(bool quiet)
    : quiet_(quiet),
      terminal_(isatty(STDOUT_FILENO) == 1),
      begin_(Clock::now()),
      last_line_(begin_) {}

std::string IndexView::text(double share, uint64_t read_bytes,
                            const std::string& what) const {
  const double took_s = std::max(
      1e-3, std::chrono::duration<double>(Clock::now() - begin_).count());
  const auto full = static_cast<size_t>(share * kBarCells);
  const double done = share - first_share_;
  std::string left = "time left unknown";
  if (done > 0) {
    const double left_s = took_s * (1 - share) / done;
    left =
        format_duration(Duration(static_cast<int64_t>(left_s * 1e9))) + " left";
  }
  return fmt::format(
      "[{}{}] {:3.0f} %  {} read at {}  {}  {}", std::string(full, '#'),
      std::string(kBarCells - full, '.'), share * 100, format_bytes(read_bytes),
      format_rate(static_cast<double>(read_bytes) / took_s), what, left);
}

void IndexView::show(double share, uint64_t read_bytes,
                     const std::string& what) {
  if (quiet_) return;
  share = std::clamp(share, 0.0, 1.0);
  // What was there before this run took none of its time.
  if (first_share_ < 0) first_share_ = share;
  if (terminal_) {
    fmt::print("\r{}\x1b[K", text(share, read_bytes, what));
    fflush(stdout);
    bar_open_ = true;
  } else if (Clock::now() - last_line_ >= kLineEvery) {
    last_line_ = Clock::now();
    say(text(share, read_bytes, what));
  }
}

void IndexView::say(const std::string& line) {
  if (quiet_) return;
  end_bar();
  fmt::print("{}\n", line);
  fflush(stdout);
}

void IndexView::end_bar() {
  if (!bar_open_) return;
  bar_open_ = false;
  fmt::print("\n");
}

}  // namespace causeway
