#include "tools/mover/rdma_probe_mover.h"

#include <algorithm>
#include <optional>

#include "engine/runtime/clock.h"
#include "engine/runtime/driver.h"
#include "rdma/probe/what_limits.h"
#include "tools/mover/limits.h"
#include "tools/mover/mover_events.h"
#include "tools/mover/mover_path.h"
#include "tools/mover/processor_time.h"

namespace causeway {
namespace {

int rdma_failed(const Error& error) {
  write_event(failed_event(error, GuestPlace::kSource));
  return 1;
}

// Looks at the processors when the WRITEs begin to flow and when they end.
class WatchedProbe final : public Stepper {
 public:
  explicit WatchedProbe(RdmaProbeSource& probe) : probe_(probe) {}

  Instant step(Instant now) override {
    const bool flowed = probe_.flows();
    const Instant next = probe_.step(now);
    if (!flowed && probe_.flows()) begin_.emplace(now, processor_time());
    if (flowed && !probe_.flows()) look(now);
    return next;
  }
  void wait_on(WaitSet& set) const override { probe_.wait_on(set); }
  bool done() const override { return probe_.done(); }

  const ProcessorShares& shares() const { return shares_; }

 private:
  void look(Instant now) {
    const ProcessorTime end = processor_time();
    const auto& [began_at, begin] = *begin_;
    shares_.own_thread = seconds(end.own_thread - begin.own_thread) /
                         std::max(seconds(now - began_at), 1e-6);
    shares_.host = static_cast<double>(end.host_busy - begin.host_busy) /
                   static_cast<double>(
                       std::max<uint64_t>(end.host_all - begin.host_all, 1));
  }

  RdmaProbeSource& probe_;
  std::optional<std::pair<Instant, ProcessorTime>> begin_;
  ProcessorShares shares_;
};

double microseconds(Duration duration) { return 1e6 * seconds(duration); }

nlohmann::json result_of(const MoverSpec& spec, const RdmaProbeFigures& figures,
                         const ProcessorShares& shares) {
  const RdmaLimit limit = what_limits(figures, shares);
  return {{"path", "rdma"},
          {"rtt_ms", milliseconds(figures.read.least)},
          {"bytes_s", figures.bytes_s},
          {"loss", 0.0},
          {"bytes", figures.bytes},
          {"seconds", seconds(figures.time)},
          {"rdma",
           {{"fabric", spec.rdma->devices.front().fabric},
            {"read_us", microseconds(figures.read.median)},
            {"read_us_least", microseconds(figures.read.least)},
            {"write_us", microseconds(figures.write.median)},
            {"write_us_least", microseconds(figures.write.least)},
            {"registration_bytes_s", figures.registration_bytes_s},
            {"port_bits_s", static_cast<double>(figures.port_bits_s)},
            {"mtu_bytes", figures.mtu_bytes},
            {"mtu_bytes_max", figures.mtu_bytes_max},
            {"thread_share", shares.own_thread},
            {"host_share", shares.host},
            {"limit", limit.what},
            {"why", limit.why}}}};
}

// Ends a probe whose source has gone without a word.
class TimeLimit final : public Stepper {
 public:
  TimeLimit(Driver& driver, Instant ends) : driver_(driver), ends_(ends) {}
  Instant step(Instant now) override {
    if (now >= ends_) driver_.stop();
    return ends_;
  }
  void wait_on(WaitSet&) const override {}
  bool done() const override { return false; }

 private:
  Driver& driver_;
  const Instant ends_;
};

}  // namespace

int run_rdma_probe_source(const MoverSpec& spec, CommandReader& commands) {
  auto probe = connect_rdma_probe(spec);
  if (!probe) return rdma_failed(probe.error());
  WatchedProbe watched(**probe);
  commands.on_cancel([&] { (*probe)->cancel(); });
  Driver driver;
  driver.add(commands);
  driver.add(watched);
  driver.run(&watched);
  commands.on_cancel(nullptr);
  if ((*probe)->trouble() != nullptr) return rdma_failed(*(*probe)->trouble());
  write_event(
      done_event(result_of(spec, (*probe)->figures(), watched.shares())));
  return 0;
}

int run_rdma_probe_target(const MoverSpec& spec, CommandReader& commands) {
  auto listener = MoverListener::listen(spec);
  if (!listener) return rdma_failed(listener.error());
  write_event(listening_event(listener->address(), {}));
  auto probe = listener->accept_rdma_probe(spec, kProbeSourceComesMax);
  if (!probe) return rdma_failed(probe.error());
  Driver driver;
  TimeLimit limit(driver, monotonic_now() + spec.probe_time + kProbeAroundMax);
  commands.on_cancel([&] { driver.stop(); });
  driver.add(commands);
  driver.add(**probe);
  driver.add(limit);
  driver.run(probe->get());
  commands.on_cancel(nullptr);
  write_event(done_event(nlohmann::json::object()));
  return 0;
}

}  // namespace causeway
