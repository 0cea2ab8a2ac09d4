#include "tools/wan-emulator/counters.h"

#include "engine/base/units.h"
#include "tools/wan-emulator/link_spec.h"

namespace causeway {
namespace {

double microseconds(Duration duration) {
  return static_cast<double>(duration.count()) / 1e3;
}

nlohmann::json loss_to_json(const LossSettings& loss) {
  return {{"mean", mean_loss(loss)},
          {"to_bad", loss.to_bad},
          {"to_good", loss.to_good},
          {"loss_good", loss.loss_good},
          {"loss_bad", loss.loss_bad}};
}

nlohmann::json lateness_to_json(const Lateness& lateness) {
  return {{"p50", microseconds(lateness.quantile(0.5))},
          {"p99", microseconds(lateness.quantile(0.99))},
          {"p999", microseconds(lateness.quantile(0.999))},
          {"max", microseconds(lateness.max())}};
}

nlohmann::json direction_to_json(Direction& direction) {
  const Link& link = direction.link();
  const LinkCounters& counters = link.counters();
  const DirectionTroubles& troubles = direction.troubles();
  return {
      {"settings", settings_to_json(link.settings())},
      {"offered_frames", counters.offered_frames},
      {"offered_bytes", counters.offered_bytes},
      {"queue_dropped_frames", counters.queue_dropped_frames},
      {"queue_dropped_bytes", counters.queue_dropped_bytes},
      {"carried_frames", counters.carried_frames},
      {"carried_bytes", counters.carried_bytes},
      {"lost_frames", counters.lost_frames},
      {"lost_bytes", counters.lost_bytes},
      {"reordered_frames", counters.reordered_frames},
      {"delivered_frames", counters.delivered_frames},
      {"delivered_bytes", counters.delivered_bytes},
      {"queue_bytes", link.queue_bytes()},
      {"queue_bytes_max", counters.queue_bytes_max},
      {"frames_under_way", link.frames()},
      {"lateness_us", lateness_to_json(direction.lateness())},
      {"late_frames", direction.lateness().late_frames()},
      {"ring_dropped_frames", direction.ring_drops()},
      {"refused_frames", troubles.refused_frames},
      {"no_memory_frames", troubles.no_memory_frames},
      {"send_failures", troubles.send_failures},
  };
}

}  // namespace

nlohmann::json settings_to_json(const LinkSettings& settings) {
  return {{"rate_bits_s", settings.rate_bits_s},
          {"delay_ms", milliseconds(settings.delay)},
          {"jitter_ms", milliseconds(settings.jitter)},
          {"loss", loss_to_json(settings.loss)},
          {"reorder", settings.reorder},
          {"reorder_by_ms", milliseconds(settings.reorder_by)},
          {"queue_limit_bytes", queue_limit(settings)}};
}

std::vector<std::string> faults_of(Emulator& emulator) {
  std::vector<std::string> faults;
  for (int i = 0; i < kDirections; ++i) {
    Direction& direction = emulator.direction(i);
    const auto add = [&](uint64_t frames, const std::string& what) {
      if (frames == 0) return;
      faults.push_back(
          fmt::format("{}: {} frames {}", direction_name(i), frames, what));
    };
    const DirectionTroubles& troubles = direction.troubles();
    add(direction.lateness().late_frames(),
        fmt::format("were sent more than {} late",
                    format_duration(direction.lateness().limit())));
    add(direction.ring_drops(), "came faster than they were taken");
    add(troubles.refused_frames,
        "were longer than the MTU or had a VLAN tag (switch tso, gso and gro "
        "off at both ends)");
    add(troubles.no_memory_frames, "found no memory (--memory)");
    add(troubles.send_failures, "were refused by the kernel when sent");
  }
  return faults;
}

nlohmann::json counters_to_json(Emulator& emulator,
                                const std::string& real_time_lack) {
  const std::vector<std::string> faults = faults_of(emulator);
  nlohmann::json json = {
      {"elapsed_s", seconds(emulator.elapsed())},
      {"interfaces",
       {emulator.port(0).interface(), emulator.port(1).interface()}},
      {"seed", emulator.options().seed},
      {"real_time", real_time_lack.empty()},
      {"real_time_lack", real_time_lack},
      {"late_limit_us", microseconds(emulator.options().late_limit)},
      {"valid", faults.empty()},
      {"faults", faults},
  };
  for (int i = 0; i < kDirections; ++i) {
    json[direction_name(i)] = direction_to_json(emulator.direction(i));
  }
  return json;
}

}  // namespace causeway
