// pull_latency: how long the pull of a 4 KiB block takes, from post() until
// poll() says that it is there: one at a time, the key known. Both ends are in
// this process; the source's does nothing meanwhile.
//
//   pull_latency poll|sleep SOURCE TARGET PULLS   addresses of verbs devices
//
// Prints least, median, 99th percentile and most, in microseconds
// (tests/labs/rdma/pull_latency runs it beside ib_read_lat).
#include <fmt/core.h>
#include <poll.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "engine/base/unique_fd.h"
#include "engine/guest/ram_store.h"
#include "engine/runtime/clock.h"
#include "rdma/rdma_pull.h"

namespace causeway {
namespace {

constexpr uint64_t kBlocks = kRdmaExtentBytesMax / kBlockBytes;
constexpr int kWarmUp = 50;

RdmaOptions at_device(const std::string& address) {
  RdmaOptions options;
  options.device_addresses = {address + ":0"};
  return options;
}

void sleep_on(const RdmaPuller& puller) {
  WaitSet set;
  puller.wait_on(set);
  std::vector<pollfd> fds;
  for (const auto& entry : set.entries()) {
    fds.push_back({entry.fd, entry.events, 0});
  }
  ::poll(fds.data(), fds.size(), 1000);
}

// Microseconds; `exposure` is polled while the key may be missing, then there
// is none.
Result<double> pull_one(RdmaPuller& puller, uint64_t block,
                        std::span<std::byte> into, bool sleeps,
                        RdmaExposure* exposure) {
  const Pull pull{0, {0, block, 1}, into};
  const Instant begin = monotonic_now();
  if (sleeps) puller.arm();
  CAUSEWAY_TRY(puller.post(std::span(&pull, 1)));
  PullDone done;
  // The clock is for the silence of seconds: not read at every poll.
  Instant now = begin;
  uint32_t polls = 0;
  const auto is_over = [&] {
    if (++polls % 64 == 0) now = monotonic_now();
    return puller.poll(now, std::span(&done, 1)) == 1;
  };
  while (!is_over()) {
    if (exposure != nullptr) {
      CAUSEWAY_TRY(exposure->poll());
    } else if (sleeps) {
      sleep_on(puller);
      if (is_over()) break;
      puller.arm();
    }
  }
  if (done.outcome != PullDone::Outcome::kLanded) {
    return make_error(ErrorCode::kConnectionLost, "a pull has not landed: {}",
                      puller.broken() ? puller.broken()->message : "refused");
  }
  return seconds(monotonic_now() - begin) * 1e6;
}

Result<std::vector<double>> measure(const std::string& source,
                                    const std::string& target, bool sleeps,
                                    int pulls) {
  const UniqueFd fd(::memfd_create("ram", MFD_CLOEXEC));
  if (!fd || ::ftruncate(fd.get(), kRdmaExtentBytesMax) != 0) {
    return errno_error(errno, "memfd_create");
  }
  CAUSEWAY_ASSIGN(auto store, RamStore::open({0, RegionKind::kRam, "ram0",
                                              kRdmaExtentBytesMax, kBlockBytes},
                                             fd.get()));
  std::ranges::fill(store->mapped(), std::byte{0x5A});
  CAUSEWAY_ASSIGN(auto listener, RdmaPullListener::listen(at_device(target)));
  RdmaOptions exposing = at_device(source);
  exposing.stores = {store.get()};
  Result<std::unique_ptr<RdmaExposure>> exposure =
      make_error(ErrorCode::kInternal, "not tried");
  std::vector<std::byte> landing(kBlockBytes);
  std::thread connecting(
      [&] { exposure = connect_exposure(listener.offer(), exposing); });
  auto puller = listener.accept(landing);
  connecting.join();
  if (!exposure) return exposure.error();
  if (!puller) return puller.error();
  std::mt19937_64 random(1);
  for (int i = 0; i < kWarmUp; ++i) {
    CAUSEWAY_TRY(pull_one(**puller, random() % kBlocks, landing, sleeps,
                          exposure->get()));
  }
  std::vector<double> taken_us;
  for (int i = 0; i < pulls; ++i) {
    CAUSEWAY_ASSIGN(const double one, pull_one(**puller, random() % kBlocks,
                                               landing, sleeps, nullptr));
    taken_us.push_back(one);
  }
  return taken_us;
}

}  // namespace
}  // namespace causeway

int main(int argc, char** argv) {
  const int pulls = argc == 5 ? std::atoi(argv[4]) : 0;
  const std::string how = argc == 5 ? argv[1] : "";
  if (pulls <= 0 || (how != "poll" && how != "sleep")) {
    fmt::print(stderr, "Usage: pull_latency poll|sleep SOURCE TARGET PULLS\n");
    return 2;
  }
  auto taken_us = causeway::measure(argv[2], argv[3], how == "sleep", pulls);
  if (!taken_us) {
    fmt::print(stderr, "pull_latency: {}\n", taken_us.error().message);
    return 1;
  }
  std::ranges::sort(*taken_us);
  const auto at = [&](double share) {
    return (*taken_us)[static_cast<size_t>(
        share * static_cast<double>(taken_us->size() - 1))];
  };
  fmt::print("{:.1f} {:.1f} {:.1f} {:.1f}\n", at(0), at(0.5), at(0.99), at(1));
  return 0;
}
