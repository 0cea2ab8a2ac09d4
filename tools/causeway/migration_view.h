// MigrationView: a migration as the operator sees it: a progress bar on a
// terminal, plain lines elsewhere. One owner, one thread.
#pragma once

#include <chrono>
#include <cstdio>
#include <string>

#include "engine/control/control.pb.h"

namespace causeway {

class MigrationView {
 public:
  // `quiet`: shows nothing (standard output is wanted for JSON).
  explicit MigrationView(bool quiet);
  ~MigrationView() { end_bar(); }

  void show(const control::MigrationEvent& event);
  // A line of its own, beside the bar.
  void say(const std::string& line);

 private:
  void show_bar(const control::Progress& progress);
  void show_line(const control::Progress& progress);
  void end_bar();

  bool quiet_;
  bool terminal_;
  bool bar_open_ = false;
  std::string stage_;
  uint32_t last_round_ = 0;
  std::chrono::steady_clock::time_point last_line_{};
};

// "[######....]  62 %  318M of 512M  wire 120M at 1.1G/s  dirty 48M/s  ..."
std::string progress_text(const control::Progress& progress);

}  // namespace causeway
