#include "tools/agent/loss_memory.h"

#include <algorithm>

#include "tools/agent/limits.h"

namespace causeway {

void LossMemory::remember(const std::string& host, const Measurement& line,
                          Instant now) {
  if (line.packets < kLossPacketsMin) return;
  const std::lock_guard lock(mutex_);
  measured_[host] = {line.loss, now};
  if (measured_.size() > kLossesKeptMax) forget_oldest();
}

std::optional<double> LossMemory::recall(const std::string& host,
                                         Instant now) const {
  const std::lock_guard lock(mutex_);
  const auto found = measured_.find(host);
  if (found == measured_.end() || now - found->second.at > kLossAgeMax) {
    return std::nullopt;
  }
  return found->second.loss;
}

void LossMemory::forget_oldest() {
  const auto oldest = std::min_element(
      measured_.begin(), measured_.end(),
      [](const auto& a, const auto& b) { return a.second.at < b.second.at; });
  measured_.erase(oldest);
}

}  // namespace causeway
