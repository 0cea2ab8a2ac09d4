// IndexView: `causeway index add` and `verify` as the operator sees them: a
// progress bar on a terminal, a line now and then elsewhere. One owner, one
// thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace causeway {

class IndexView {
 public:
  // `quiet`: shows nothing (standard output is wanted for JSON).
  explicit IndexView(bool quiet);
  ~IndexView() { end_bar(); }

  // `share` of the whole is done (0 to 1); `read_bytes` were read so far.
  void show(double share, uint64_t read_bytes, const std::string& what);
  // A line of its own.
  void say(const std::string& line);

 private:
  std::string text(double share, uint64_t read_bytes,
                   const std::string& what) const;
  void end_bar();

  bool quiet_;
  bool terminal_;
  bool bar_open_ = false;
  double first_share_ = -1;
  std::chrono::steady_clock::time_point begin_;
  std::chrono::steady_clock::time_point last_line_;
};

}  // namespace causeway
