// What the rdma path's channel reaches beside a bare loop of WRITEs with the
// same zero scan, and what it costs in work requests, on two verbs devices
// (CAUSEWAY_RDMA_ADDRESSES; tests/labs/rdma/run gives them). Arms take turns.
//
//   rdma_flow BYTES RUNS        one JSON object on stdout
#include <poll.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <nlohmann/json.hpp>
#include <random>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "engine/base/unique_fd.h"
#include "engine/codec/zero.h"
#include "engine/content/digest.h"
#include "engine/guest/ram_store.h"
#include "engine/runtime/clock.h"
#include "rdma/rdma_connector.h"
#include "rdma/rdma_path_listener.h"
#include "rdma/verbs/rendezvous.h"

namespace causeway {
namespace {

constexpr PathToken kToken{std::byte{7}};
constexpr uint64_t kPutBlocks = kPutBytesMax / kBlockBytes;
constexpr Duration kPatience = std::chrono::seconds(60);

template <typename T>
T must(Result<T> result) {
  if (result) return std::move(result).value();
  fprintf(stderr, "%s\n", result.error().message.c_str());
  _exit(1);
}
void must(const Status& status) {
  if (status) return;
  fprintf(stderr, "%s\n", status.error().message.c_str());
  _exit(1);
}

// Random RAM at the source, holes at the target.
struct Ram {
  explicit Ram(uint64_t bytes) : fd(::memfd_create("ram", MFD_CLOEXEC)) {
    if (::ftruncate(fd.get(), static_cast<off_t>(bytes)) != 0) abort();
    store = must(
        RamStore::open({0, RegionKind::kRam, "ram0", bytes, 4096}, fd.get()));
  }
  void fill() {
    std::mt19937_64 random(1);
    for (size_t i = 0; i < memory().size(); i += 8) {
      const uint64_t word = random();
      std::memcpy(memory().data() + i, &word, sizeof word);
    }
  }
  std::span<std::byte> memory() const { return store->mapped(); }
  UniqueFd fd;
  std::unique_ptr<RamStore> store;
};

// Lands what comes; with `digests` as a target does, which reads it back.
class Sink final : public PutSink {
 public:
  Sink(Ram& ram, bool digests) : ram_(ram), digests_(digests) {}
  Result<std::span<std::byte>> begin(const PutHead& head) override {
    return ram_.memory().subspan(head.first_block * kBlockBytes,
                                 head.payload_bytes);
  }
  Status end(const PutHead&) override { return {}; }
  Status written(const PutHead& head) override {
    if (!digests_) return {};
    const std::byte* at = ram_.memory().data() + head.first_block * kBlockBytes;
    for (uint32_t i = 0; i < head.blocks; ++i) {
      sum_ ^= digest_any_block(at + i * kBlockBytes, 1);
    }
    return {};
  }

 private:
  Ram& ram_;
  const bool digests_;
  uint64_t sum_ = 0;
};

void sleep_on(const WaitSet& set, Instant until) {
  std::vector<pollfd> fds;
  for (const auto& entry : set.entries()) {
    fds.push_back({entry.fd, entry.events, 0});
  }
  const int wait_ms =
      until == kNever ? 1000
                      : static_cast<int>(std::clamp(
                            milliseconds(until - monotonic_now()), 0.0, 1e3));
  ::poll(fds.data(), fds.size(), wait_ms);
}

struct Addresses {
  std::string source;
  std::string target;
};

struct Outcome {
  double whole_s = 0;  // connections and registrations included
  double bulk_s = 0;
  double again_s = 0;  // a second pass, all registered; of the path
  uint64_t requests = 0;
};

// The channel, as a sender drives it.
class PathArm {
 public:
  PathArm(const Addresses& at, uint64_t bytes, bool digests)
      : from_(bytes), to_(bytes), sink_(to_, digests), at_(at) {
    from_.fill();
  }

  Outcome run() {
    const Instant began = monotonic_now();
    RdmaOptions accepting;
    accepting.timeout = kPatience;
    accepting.device_addresses = {at_.target + ":0"};
    accepting.stores = {to_.store.get()};
    auto listener = must(RdmaPathListener::listen("127.0.0.1:0", accepting));
    RdmaOptions connecting = accepting;
    connecting.device_addresses = {at_.source + ":0"};
    connecting.stores = {from_.store.get()};
    std::thread target([&] {
      auto inbound = must(listener.accept(kToken, accepting));
      take(*must(inbound->accept_bulk(0, sink_)));
    });
    auto path =
        must(RdmaConnector::connect(listener.address(), kToken, connecting));
    auto channel = must(path.path->open_bulk(0));
    const Instant bulk_began = monotonic_now();
    send(*channel, 1);
    const Instant ended = monotonic_now();
    Outcome outcome{seconds(ended - began), seconds(ended - bulk_began), 0,
                    path.tally->writes + path.tally->messages};
    send(*channel, 2);
    outcome.again_s = seconds(monotonic_now() - ended);
    channel.reset();
    target.join();
    return outcome;
  }

 private:
  static void take(BulkReceiver& receiver) {
    while (!receiver.closed()) {
      const bool moved = must(receiver.poll(monotonic_now()));
      if (moved || receiver.closed()) continue;
      WaitSet set;
      const Instant until = receiver.wait_on(set);
      sleep_on(set, until);
    }
  }

  void send(BulkChannel& channel, FenceId fence) {
    const auto memory = from_.memory();
    uint64_t next = 0;
    bool fenced = false;
    for (;;) {
      while (next < memory.size()) {
        const auto piece = memory.subspan(next, kPutBytesMax);
        if (leading_run(piece).zero) abort();
        const Put put{
            {PutKind::kRaw, 0, static_cast<Version>(fence), next / kBlockBytes,
             static_cast<uint32_t>(kPutBlocks), kPutBytesMax},
            piece};
        if (must(channel.post(std::span(&put, 1))) == 0) break;
        next += kPutBytesMax;
      }
      if (next == memory.size() && !fenced) {
        fenced = must(channel.post_fence(fence));
      }
      const uint64_t wire = wire_;
      const ChannelProgress progress = must(channel.poll(monotonic_now()));
      wire_ = progress.wire_bytes;
      if (progress.fence_landed == fence) return;
      if (wire_ != wire) continue;
      WaitSet set;
      const Instant until = channel.wait_on(set);
      sleep_on(set, until);
    }
  }

  Ram from_;
  Ram to_;
  Sink sink_;
  const Addresses& at_;
  uint64_t wire_ = 0;
};

// All registered at once, then WRITEs, four and a signal, and nothing else.
class BareArm {
 public:
  BareArm(const Addresses& at, uint64_t bytes)
      : from_(bytes), to_(bytes), at_(at) {
    from_.fill();
  }

  Outcome run() {
    const Instant began = monotonic_now();
    const RdmaSecret secret{std::byte{9}};
    auto listener = must(RdmaListener::listen({at_.target + ":0"}));
    std::atomic<bool> over{false};
    std::thread target([&] {
      const Deadline deadline(kPatience);
      auto endpoint = must(listener.await(secret, 0, {}, -1, deadline));
      const MemoryRegion key = must(endpoint->register_memory(
          to_.memory(), IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_WRITE));
      must(RdmaListener::accept(
          *endpoint,
          {reinterpret_cast<uint64_t>(to_.memory().data()), key->rkey,
           kRdmaStagingBytes, endpoint->depths().messages, 0},
          deadline));
      take(*endpoint, over);
    });
    const Deadline deadline(kPatience);
    auto connection = must(connect_endpoint(
        must(resolve_address(at_.source + ":0", true)).front(),
        must(resolve_address(listener.addresses().front(), false)).front(),
        secret, 0, {}, deadline));
    const MemoryRegion key =
        must(connection.endpoint->register_memory(from_.memory(), 0));
    const Instant bulk_began = monotonic_now();
    Outcome outcome;
    outcome.requests = send(connection, *key);
    const Instant ended = monotonic_now();
    outcome.whole_s = seconds(ended - began);
    outcome.bulk_s = seconds(ended - bulk_began);
    over = true;
    target.join();
    return outcome;
  }

 private:
  static void idle(RdmaEndpoint& endpoint) {
    WaitSet set;
    endpoint.wait_on(set);
    sleep_on(set, monotonic_now() + std::chrono::milliseconds(50));
  }

  static void take(RdmaEndpoint& endpoint, const std::atomic<bool>& over) {
    std::array<RdmaCompletion, 16> done;
    while (!over) {
      const size_t found = must(endpoint.poll(done));
      for (size_t i = 0; i < found; ++i) {
        must(endpoint.take_again(done[i].buffer));
      }
      if (found > 0) continue;
      must(endpoint.arm(false));
      idle(endpoint);
    }
  }

  uint64_t send(RdmaConnection& connection, const ibv_mr& key) {
    RdmaEndpoint& endpoint = *connection.endpoint;
    const auto memory = from_.memory();
    const uint32_t window = endpoint.depths().messages;
    uint64_t next = 0;
    uint64_t sent = 0;
    uint64_t done_messages = 0;
    uint64_t requests = 0;
    std::array<RdmaCompletion, 16> done;
    while (next < memory.size() || done_messages < sent) {
      while (next < memory.size() && sent - done_messages < window) {
        std::array<RdmaWrite, 4> writes;
        size_t count = 0;
        for (; count < writes.size() && next < memory.size(); ++count) {
          const auto piece = memory.subspan(next, kPutBytesMax);
          if (leading_run(piece).zero) abort();
          writes[count] = {reinterpret_cast<uint64_t>(piece.data()), key.lkey,
                           connection.welcome.staging_address + next,
                           connection.welcome.staging_key, kPutBytesMax};
          next += kPutBytesMax;
        }
        must(endpoint.post(std::span(writes).first(count),
                           static_cast<uint32_t>(sent % window), 64));
        requests += count + 1;
        ++sent;
      }
      const size_t found = must(endpoint.poll(done));
      done_messages += found;
      if (found > 0) continue;
      must(endpoint.arm(true));
      if (const size_t late = must(endpoint.poll(done)); late > 0) {
        done_messages += late;
        continue;
      }
      idle(endpoint);
    }
    return requests;
  }

  Ram from_;
  Ram to_;
  const Addresses& at_;
};

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

nlohmann::json summary(const std::vector<double>& values) {
  const auto [least, most] = std::minmax_element(values.begin(), values.end());
  return {{"median", median(values)}, {"least", *least}, {"most", *most}};
}

// Of each run: the bare loop's time over the arm's.
struct Ratios {
  std::vector<double> bulk;
  std::vector<double> again;
  std::vector<double> whole;
  void add(const Outcome& bare, const Outcome& arm) {
    bulk.push_back(bare.bulk_s / arm.bulk_s);
    again.push_back(bare.bulk_s / arm.again_s);
    whole.push_back(bare.whole_s / arm.whole_s);
  }
  nlohmann::json json() const {
    return {{"bulk", summary(bulk)},
            {"again", summary(again)},
            {"whole", summary(whole)}};
  }
};

int measure(uint64_t bytes, int runs) {
  const char* both = std::getenv("CAUSEWAY_RDMA_ADDRESSES");
  if (both == nullptr) {
    fprintf(stderr, "no verbs devices: start it by tests/labs/rdma/run\n");
    return 2;
  }
  Addresses at;
  std::istringstream(both) >> at.source >> at.target;
  Ratios path;
  Ratios digesting;
  std::vector<double> rates;
  uint64_t bare_requests = 0;
  uint64_t path_requests = 0;
  for (int run = 0; run < runs; ++run) {
    const Outcome bare = BareArm(at, bytes).run();
    const Outcome plain = PathArm(at, bytes, false).run();
    path.add(bare, plain);
    digesting.add(bare, PathArm(at, bytes, true).run());
    rates.push_back(static_cast<double>(bytes) / bare.bulk_s);
    bare_requests = bare.requests;
    path_requests = plain.requests;
  }
  const nlohmann::json result = {
      {"bytes", bytes},
      {"runs", runs},
      {"bare_bytes_s", summary(rates)},
      {"path_over_bare", path.json()},
      {"digesting_over_bare", digesting.json()},
      {"requests", {{"bare", bare_requests}, {"path", path_requests}}}};
  printf("%s\n", result.dump(2).c_str());
  return 0;
}

}  // namespace
}  // namespace causeway

int main(int argc, char** argv) {
  if (argc != 3) {
    fprintf(stderr, "Usage: rdma_flow BYTES RUNS\n");
    return 2;
  }
  return causeway::measure(std::stoull(argv[1]), std::stoi(argv[2]));
}
