#include "tests/rdma/rdma_lab.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <sstream>
#include <thread>

#include "engine/path/socket_address.h"
#include "engine/runtime/clock.h"
#include "rdma/rdma_connector.h"

namespace causeway {
namespace {

constexpr PathToken kToken{std::byte{1}, std::byte{2}, std::byte{3}};
constexpr int kFdsSearched = 4096;

// What bounds a test that hangs; nothing that passes waits for it.
constexpr int kHungMs = 30'000;

int poll_set(const WaitSet& set, int timeout_ms) {
  std::vector<pollfd> fds;
  for (const auto& entry : set.entries()) {
    fds.push_back({entry.fd, entry.events, 0});
  }
  return ::poll(fds.data(), fds.size(), timeout_ms);
}

}  // namespace

std::pair<std::string, std::string> RdmaLab::addresses() {
  const char* both = std::getenv("CAUSEWAY_RDMA_ADDRESSES");
  EXPECT_NE(both, nullptr) << "start it by tests/labs/rdma/run";
  std::pair<std::string, std::string> pair;
  std::istringstream(both == nullptr ? "" : both) >> pair.first >> pair.second;
  return pair;
}

void RdmaLab::silence(bool silent) {
  const char* command = std::getenv("CAUSEWAY_RDMA_SILENCE");
  ASSERT_NE(command, nullptr) << "start it by tests/labs/rdma/run";
  const std::string line = std::string(command) + (silent ? " begin" : " end");
  ASSERT_EQ(std::system(line.c_str()), 0);
}

RdmaOptions RdmaLab::options(const PathLabOptions& wanted,
                             const RdmaLabShape& shape,
                             const std::string& address,
                             const std::vector<BlockStore*>& stores) const {
  RdmaOptions options;
  options.streams = wanted.streams;
  options.timeout = std::chrono::seconds(20);
  options.device_addresses = {address + ":0"};
  options.device_limits = shape.device_limits;
  options.pinned_bytes_max = shape.pinned_bytes_max;
  options.stores = stores;
  if (wanted.tiny_buffers) options.staging_bytes = kPutBytesMax;
  return options;
}

RdmaLab::RdmaLab(const PathLabOptions& wanted, const RdmaLabShape& shape) {
  const auto [source, target] = addresses();
  const RdmaOptions accepting_options =
      options(wanted, shape, target, shape.target_stores);
  listener_.emplace(
      RdmaPathListener::listen("127.0.0.1:0", accepting_options).value());
  std::thread accepting(
      [&] { inbound_ = listener_->accept(kToken, accepting_options).value(); });
  outbound_ = RdmaConnector::connect(
                  listener_->address(), kToken,
                  options(wanted, shape, source, shape.source_stores))
                  .value()
                  .path;
  accepting.join();
}

RdmaLab::~RdmaLab() {
  if (silent_) silence(false);
}

Instant RdmaLab::now() { return monotonic_now(); }

bool RdmaLab::wait(const WaitSet& set, Instant until) {
  if (until == kNever) return poll_set(set, kHungMs) > 0;
  const Duration left = std::max(until - now(), Duration{0});
  poll_set(set, static_cast<int>(milliseconds(left)) + 1);
  return true;
}

bool RdmaLab::is_ready(const WaitSet& set) { return poll_set(set, 0) > 0; }

// The fabric and the streams.
void RdmaLab::cut() {
  silence(true);
  silent_ = true;
  const uint16_t port =
      resolve_address(listener_->address(), false).value().front().port();
  for (int fd = 0; fd < kFdsSearched; ++fd) {
    const SocketAddress far = remote_address(fd);
    const SocketAddress near = local_address(fd);
    const bool is_inet = far.storage.ss_family == AF_INET;
    if (is_inet && (far.port() == port || near.port() == port)) {
      ::shutdown(fd, SHUT_RDWR);
    }
  }
}

}  // namespace causeway
