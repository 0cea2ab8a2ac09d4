#include "tools/wan-emulator/self_test.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <optional>
#include <thread>

#include "tools/network/namespace_pair.h"
#include "tools/process/signal_watch.h"
#include "tools/wan-emulator/counters.h"
#include "tools/wan-emulator/session.h"
#include "tools/wan-emulator/test_load.h"

namespace causeway {
namespace {

constexpr int kMtus[] = {1500, 9000};
constexpr size_t kIpUdpBytes = 28;

// Some seconds of tries, up to what no machine of today keeps.
constexpr uint64_t kRates[] = {100'000'000,   250'000'000,   500'000'000,
                               1'000'000'000, 1'500'000'000, 2'000'000'000,
                               3'000'000'000, 4'000'000'000, 5'000'000'000,
                               7'000'000'000, 10'000'000'000};

// More than the link carries, and a queue that bridges the sender's pauses, so
// that it is the link that sets the pace.
constexpr double kOverload = 1.2;
constexpr double kQueueSeconds = 0.2;
// The link must have been busy for this share of the time, else the sender,
// not the emulator, was too slow for the try.
constexpr double kBusy = 0.98;
// A rate has so many tries: what else the machine does is not the emulator's.
constexpr int kTries = 3;

// ARP, and what IPv6 says of itself: not the sender's, delivered all the same.
constexpr uint64_t kOtherFramesMax = 50;

// The first datagrams wait until the hosts know each other's addresses.
constexpr size_t kWarmUpFrames = 100;

constexpr Duration kDelay = std::chrono::milliseconds(10);
// The kernel takes the last try's namespaces down after their end, in pieces
// of 10 ms that it does not interrupt for anybody.
constexpr Duration kSettle = std::chrono::milliseconds(500);
constexpr Duration kQuiet = std::chrono::milliseconds(200);

// An emulator in the middle of a pair, running on a thread there.
class RunningEmulator {
 public:
  static Result<std::unique_ptr<RunningEmulator>> start(
      NamespacePair* pair, const LinkSettings& link,
      const SelfTestOptions& test) {
    std::unique_ptr<RunningEmulator> made(new RunningEmulator());
    SessionOptions options;
    options.emulator.links = {link, link};
    options.emulator.late_limit = test.late_limit;
    options.real_time = test.real_time;
    for (int i = 0; i < kDirections; ++i) {
      options.emulator.interfaces[static_cast<size_t>(i)] =
          NamespacePair::middle_interface(i);
    }
    made->stop_.reset(eventfd(0, EFD_CLOEXEC));
    if (!made->stop_) return errno_error(errno, "eventfd");
    CAUSEWAY_TRY(pair->run_in_middle([&] { return made->begin(options); }));
    return made;
  }
  ~RunningEmulator() { stop(); }
  RunningEmulator(const RunningEmulator&) = delete;
  RunningEmulator& operator=(const RunningEmulator&) = delete;

  // Ends it; its counters afterwards.
  Session& stop() {
    if (thread_.joinable()) {
      const uint64_t one = 1;
      [[maybe_unused]] const ssize_t n =
          ::write(stop_.get(), &one, sizeof(one));
      thread_.join();
    }
    return *session_;
  }

 private:
  RunningEmulator() = default;

  // In the middle's namespace, which its threads inherit. The priority is
  // taken by the thread that runs.
  Status begin(const SessionOptions& options) {
    Status opened;
    std::atomic<bool> ready{false};
    thread_ = std::thread([this, options, &opened, &ready] {
      auto session = Session::create(options);
      if (session) {
        session_ = std::move(*session);
      } else {
        opened = std::move(session).error();
      }
      ready = true;
      ready.notify_one();
      if (session_) session_->run(stop_.get());
    });
    ready.wait(false);
    if (!opened) thread_.join();
    return opened;
  }

  UniqueFd stop_;
  std::unique_ptr<Session> session_;
  std::thread thread_;
};

struct Trial {
  LoadResult load;
  std::vector<std::string> faults;
  nlohmann::json counters;
};

class SelfTest {
 public:
  SelfTest(const SelfTestOptions& options, int signal_fd)
      : options_(options), signal_fd_(signal_fd) {}

  Result<nlohmann::json> run();

 private:
  Result<nlohmann::json> measure_timing();
  Result<nlohmann::json> measure_rate(int mtu);
  Result<nlohmann::json> try_rate(int mtu, uint64_t rate_bits_s);
  Result<Trial> try_out(int mtu, uint64_t load_bits_s,
                        const LinkSettings& link);
  Status stop_if_signalled() const;

  SelfTestOptions options_;
  int signal_fd_;
};

Status SelfTest::stop_if_signalled() const {
  pollfd waiting = {signal_fd_, POLLIN, 0};
  if (::poll(&waiting, 1, 0) != 1) return {};
  return make_error(ErrorCode::kCancelled,
                    "the self-test was interrupted; nothing of it is left");
}

Result<Trial> SelfTest::try_out(int mtu, uint64_t load_bits_s,
                                const LinkSettings& link) {
  CAUSEWAY_TRY(stop_if_signalled());
  std::this_thread::sleep_for(kSettle);
  CAUSEWAY_ASSIGN(NamespacePair pair,
                  NamespacePair::create(Wiring::kThroughMiddle, mtu));
  LoadPlan plan;
  plan.from = pair.address(0);
  plan.to = pair.address(1);
  plan.datagram_bytes = static_cast<size_t>(mtu) - kIpUdpBytes;
  plan.rate_bits_s = load_bits_s;
  plan.length = options_.each;
  CAUSEWAY_ASSIGN(auto emulator, RunningEmulator::start(&pair, link, options_));
  std::unique_ptr<LoadReceiver> receiver;
  const auto receive = [&]() -> Status {
    CAUSEWAY_ASSIGN(receiver, LoadReceiver::start(plan));
    return {};
  };
  uint64_t sent = 0;
  const auto send = [&]() -> Status {
    CAUSEWAY_ASSIGN(sent, send_load(plan));
    return {};
  };
  CAUSEWAY_TRY(pair.run_on(1, receive));
  CAUSEWAY_TRY(pair.run_on(0, send));
  Trial trial;
  trial.load = receiver->finish(kQuiet);
  trial.load.sent_frames = sent;
  Session& session = emulator->stop();
  trial.faults = session.faults();
  trial.counters = session.counters();
  return trial;
}

double us(Duration duration) {
  return static_cast<double>(duration.count()) / 1e3;
}

// A thousand frames a second of 1500 bytes; what is over the delay is the
// emulator's, the hosts' and the clock's error.
Result<nlohmann::json> SelfTest::measure_timing() {
  LinkSettings link;
  link.delay = kDelay;
  CAUSEWAY_ASSIGN(Trial trial, try_out(1500, 12'000'000, link));
  std::vector<Duration>& transits = trial.load.transits;
  if (transits.size() <= 2 * kWarmUpFrames) {
    return make_error(ErrorCode::kInternal,
                      "{} datagrams came through the emulator in its "
                      "self-test; there should be a thousand a second",
                      transits.size());
  }
  transits.erase(transits.begin(), transits.begin() + kWarmUpFrames);
  std::sort(transits.begin(), transits.end());
  const auto error_at = [&](double share) {
    const auto last = static_cast<double>(transits.size() - 1);
    return us(transits[static_cast<size_t>(share * last)] - kDelay);
  };
  return nlohmann::json{
      {"delay_ms", milliseconds(kDelay)},
      {"frames", transits.size()},
      {"min", error_at(0)},
      {"p50", error_at(0.5)},
      {"p99", error_at(0.99)},
      {"max", error_at(1)},
      {"lateness_us", trial.counters["a-to-b"]["lateness_us"]},
      {"faults", trial.faults}};
}

// One try at one rate. It is kept when what the link let through came to the
// receiver, all of it, in time, at that rate.
Result<nlohmann::json> SelfTest::try_rate(int mtu, uint64_t rate_bits_s) {
  const auto rate = static_cast<double>(rate_bits_s);
  LinkSettings link;
  link.delay = kDelay;
  link.rate_bits_s = rate_bits_s;
  link.queue_bytes = static_cast<uint64_t>(rate / 8 * kQueueSeconds);
  CAUSEWAY_ASSIGN(const Trial trial,
                  try_out(mtu, static_cast<uint64_t>(rate * kOverload), link));
  const double received_s = std::max(seconds(trial.load.received_for), 1e-9);
  const double share =
      static_cast<double>(trial.load.received_bytes) * 8 / received_s / rate;
  const nlohmann::json& counters = trial.counters["a-to-b"];
  const uint64_t lost_after =
      counters["delivered_frames"].get<uint64_t>() - trial.load.received_frames;
  std::string why_not;
  if (!trial.faults.empty()) {
    why_not = "faults";
  } else if (lost_after >= kOtherFramesMax) {
    why_not = "not all was received";
  } else if (share < kBusy) {
    why_not = "the sender was too slow";
  }
  return nlohmann::json{
      {"rate_bits_s", rate_bits_s},
      {"kept",
       trial.faults.empty() && lost_after < kOtherFramesMax && share >= kBusy},
      {"busy_share", share},
      {"sent_frames", trial.load.sent_frames},
      {"received_frames", trial.load.received_frames},
      {"delivered_but_not_received_frames", lost_after},
      {"lateness_us", counters["lateness_us"]},
      {"faults", trial.faults}};
}

Result<nlohmann::json> SelfTest::measure_rate(int mtu) {
  uint64_t kept = 0;
  nlohmann::json tries = nlohmann::json::array();
  for (const uint64_t rate : kRates) {
    bool fine = false;
    for (int i = 0; i < kTries && !fine; ++i) {
      CAUSEWAY_ASSIGN(nlohmann::json tried, try_rate(mtu, rate));
      fine = tried["kept"];
      tries.push_back(std::move(tried));
    }
    if (!fine) break;
    kept = rate;
  }
  return nlohmann::json{{"rate_kept_bits_s", kept}, {"tries", tries}};
}

Result<nlohmann::json> SelfTest::run() {
  nlohmann::json json;
  CAUSEWAY_ASSIGN(json["timing_error_us"], measure_timing());
  for (const int mtu : kMtus) {
    CAUSEWAY_ASSIGN(json["mtu_" + std::to_string(mtu)], measure_rate(mtu));
  }
  return json;
}

}  // namespace

Result<nlohmann::json> run_self_test(const SelfTestOptions& options,
                                     int signal_fd) {
  return SelfTest(options, signal_fd).run();
}

}  // namespace causeway
