#include "tests/dpdk-wan/lanes_lab.h"

#include <poll.h>

#include <algorithm>
#include <thread>

#include "engine/runtime/clock.h"

namespace causeway {
namespace {

constexpr PathToken kToken{std::byte{1}, std::byte{2}, std::byte{3}};

// What bounds a test that hangs; nothing that passes waits for it.
constexpr Duration kHung = std::chrono::seconds(20);

WanOptions ends(const TestCertificates& certificates, const char* name,
                const char* peer, const PathLabOptions& options,
                Duration silence_max) {
  WanOptions wan;
  wan.streams = options.streams;
  wan.files = certificates.files(name);
  wan.peer_name = peer;
  wan.silence_max = silence_max;
  return wan;
}

int poll_set(const WaitSet& set, Duration most) {
  std::vector<pollfd> fds;
  for (const auto& entry : set.entries()) {
    fds.push_back({entry.fd, entry.events, 0});
  }
  const auto ms = std::chrono::ceil<std::chrono::milliseconds>(most).count();
  return ::poll(fds.data(), fds.size(), static_cast<int>(ms));
}

}  // namespace

LanesLab::LanesLab(size_t lanes, const PathLabOptions& options,
                   RelayTrouble trouble, Duration silence_max) {
  // Between the ends is no buffer to make small; a slow link does as well.
  if (options.tiny_buffers) trouble.bytes_s = 10'000'000;
  auto listener = LanesListener::listen(
                      std::vector<LaneEnds>(lanes, {"127.0.0.1:0", "", {}}))
                      .value();
  std::vector<LaneEnds> outbound_ends;
  for (const std::string& address : listener.addresses()) {
    relays_.push_back(std::make_unique<UdpRelay>(
        resolve_address(address, false)->front(), trouble));
    outbound_ends.push_back({"127.0.0.1:0", relays_.back()->address(), {}});
    ++trouble.seed;
  }
  const WanOptions accept = ends(certificates_, "b", "a", options, silence_max);
  const WanOptions connect =
      ends(certificates_, "a", "b", options, silence_max);
  std::thread accepting([&] {
    auto inbound = listener.accept(kToken, accept);
    ASSERT_TRUE(inbound) << inbound.error().message;
    inbound_ = std::move(inbound).value();
  });
  auto outbound = OutboundLanes::connect(outbound_ends, kToken, connect);
  accepting.join();
  EXPECT_TRUE(outbound) << outbound.error().message;
  outbound_ = std::move(outbound).value();
}

Instant LanesLab::now() { return monotonic_now(); }

bool LanesLab::wait(const WaitSet& set, Instant until) {
  const Instant start = monotonic_now();
  const Duration most = until == kNever ? kHung : until - start;
  return poll_set(set, std::max(most, Duration(0))) > 0 || until != kNever;
}

bool LanesLab::is_ready(const WaitSet& set) {
  return poll_set(set, Duration(0)) > 0;
}

void LanesLab::cut() {
  for (auto& relay : relays_) relay->cut();
}

bool LanesLab::await_up(size_t lanes) const {
  const Instant deadline = monotonic_now() + kHung;
  while (monotonic_now() < deadline) {
    const auto reports = report();
    const auto up =
        std::count_if(reports.begin(), reports.end(),
                      [](const LaneReport& lane) { return lane.is_up; });
    if (static_cast<size_t>(up) == lanes) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return false;
}

}  // namespace causeway
