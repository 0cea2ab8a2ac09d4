// LineReader: lines from a pipe or socket of another process, bounded in time
// and in length. Owns neither fd nor thread.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "engine/base/result.h"

namespace causeway {

// A report with a round a line stays below 100 KiB.
inline constexpr size_t kLineBytesMax = 4u << 20;

class LineReader {
 public:
  // `fd` outlives the reader; `who` names its other end in errors. `wake_fd`
  // (or -1): when it is readable, next() returns.
  LineReader(int fd, std::string who, int wake_fd = -1)
      : fd_(fd), wake_fd_(wake_fd), who_(std::move(who)) {}

  enum class Event { kLine, kEnd, kTimeout, kWoken };

  // kLine: *line is the next line, without its end. kEnd: the other end has
  // closed. kWoken: `wake_fd` is readable and no line is waiting. An Error
  // when reading fails or a line is too long. Below zero: no timeout.
  Result<Event> next(std::string* line, std::chrono::milliseconds timeout);

 private:
  bool take_line(std::string* line);

  int fd_;
  int wake_fd_;
  std::string who_;
  std::string buffer_;
};

// Writes all of `text`. Programs that use it ignore SIGPIPE.
Status write_all(int fd, const std::string& text, const std::string& who);

}  // namespace causeway
