#include "tools/process/line_reader.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace causeway {
namespace {

using Clock = std::chrono::steady_clock;

int poll_timeout(bool forever, Clock::time_point deadline) {
  if (forever) return -1;
  const auto left =
      std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
  return static_cast<int>(std::max<int64_t>(left.count(), 0));
}

}  // namespace

bool LineReader::take_line(std::string* line) {
  const size_t end = buffer_.find('\n');
  if (end == std::string::npos) return false;
  *line = buffer_.substr(0, end);
  buffer_.erase(0, end + 1);
  return true;
}

Result<LineReader::Event> LineReader::next(std::string* line,
                                           std::chrono::milliseconds timeout) {
  const bool forever = timeout.count() < 0;
  const auto deadline = Clock::now() + (forever ? timeout * 0 : timeout);
  for (;;) {
    if (take_line(line)) return Event::kLine;
    if (buffer_.size() > kLineBytesMax) {
      return make_error(ErrorCode::kPeerBroken, "{} sent a line without end",
                        who_);
    }
    pollfd fds[2] = {{fd_, POLLIN, 0}, {wake_fd_, POLLIN, 0}};
    const int ready = poll(fds, 2, poll_timeout(forever, deadline));
    if (ready < 0 && errno != EINTR) return errno_error(errno, "poll");
    if (ready < 0) continue;
    if (ready == 0) return Event::kTimeout;
    if (fds[0].revents == 0) return Event::kWoken;
    char bytes[16384];
    const ssize_t got = read(fd_, bytes, sizeof(bytes));
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (got < 0) return errno_error(errno, "reading from " + who_);
    if (got == 0) return Event::kEnd;
    buffer_.append(bytes, static_cast<size_t>(got));
  }
}

Status write_all(int fd, const std::string& text, const std::string& who) {
  size_t done = 0;
  while (done < text.size()) {
    const ssize_t wrote = write(fd, text.data() + done, text.size() - done);
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) return errno_error(errno, "writing to " + who);
    done += static_cast<size_t>(wrote);
  }
  return {};
}

}  // namespace causeway
