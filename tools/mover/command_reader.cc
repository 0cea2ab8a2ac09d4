#include "tools/mover/command_reader.h"

#include <fcntl.h>
#include <poll.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <array>
#include <nlohmann/json.hpp>

namespace causeway {
namespace {

// A spec has some hundred bytes; more without an end of line is no agent.
constexpr size_t kLineBytesMax = 64u << 10;

}  // namespace

std::string CommandReader::read_spec() {
  std::array<char, 4096> bytes;
  while (pending_.size() < kLineBytesMax) {
    const size_t end = pending_.find('\n');
    if (end != std::string::npos) {
      std::string line = pending_.substr(0, end);
      pending_.erase(0, end + 1);
      ::fcntl(STDIN_FILENO, F_SETFL, O_NONBLOCK);
      return line;
    }
    const ssize_t got = ::read(STDIN_FILENO, bytes.data(), bytes.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return {};
    pending_.append(bytes.data(), static_cast<size_t>(got));
  }
  return {};
}

Instant CommandReader::step(Instant) {
  std::array<char, 4096> bytes;
  for (;;) {
    const ssize_t got = ::read(STDIN_FILENO, bytes.data(), bytes.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == EAGAIN) break;
    if (got <= 0 || pending_.size() > kLineBytesMax) {
      ended_ = true;
      if (cancel_) cancel_();
      return kNever;
    }
    pending_.append(bytes.data(), static_cast<size_t>(got));
  }
  for (size_t end; (end = pending_.find('\n')) != std::string::npos;) {
    obey(pending_.substr(0, end));
    pending_.erase(0, end + 1);
  }
  return kNever;
}

void CommandReader::obey(const std::string& line) {
  const auto command = nlohmann::json::parse(line, nullptr, false);
  const std::string name =
      command.is_object() ? command.value("command", "") : "";
  if (name == "cancel") {
    if (cancel_) cancel_();
    return;
  }
  if (name == "pause" || name == "continue") {
    if (hold_) hold_(name == "pause");
    return;
  }
  spdlog::warn("the agent sent a command that is none: {}", line);
}

void CommandReader::wait_on(WaitSet& set) const {
  set.add(STDIN_FILENO, POLLIN);
}

}  // namespace causeway
