#include "dpdk-wan/lanes/lane_watch.h"

#include <algorithm>

#include "engine/runtime/clock.h"

namespace causeway {

size_t LaneWatch::count_up() const {
  return static_cast<size_t>(
      std::count_if(lanes_.begin(), lanes_.end(),
                    [](const Lane& lane) { return lane.report.is_up; }));
}

void LaneWatch::up(uint32_t index, const WanLink& link, const std::string& peer,
                   Instant now) {
  const std::lock_guard lock(mutex_);
  Lane& lane = lanes_[index];
  lane.report.local = link.local().text();
  lane.link = &link;
  lane.report.peer = peer;
  lane.report.is_up = true;
  lane.since = now;
  none_since_.reset();
  changed_.notify_all();
}

void LaneWatch::down(uint32_t index, bool broke, Instant now) {
  const std::lock_guard lock(mutex_);
  Lane& lane = lanes_[index];
  lane.report.sent_bytes += lane.link->sent_bytes();
  lane.link = nullptr;
  lane.report.up += now - lane.since;
  lane.report.is_up = false;
  if (broke) ++lane.report.losses;
  if (count_up() == 0) none_since_ = now;
  changed_.notify_all();
}

void LaneWatch::failed(const Error& error) {
  const std::lock_guard lock(mutex_);
  last_error_ = error;
}

bool LaneWatch::await_lost() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    if (!none_since_) {
      changed_.wait(lock);
      continue;
    }
    const Duration left = *none_since_ + patience_ - monotonic_now();
    if (left <= Duration(0)) return true;
    changed_.wait_for(lock, left);
  }
  return false;
}

Status LaneWatch::await_first(Duration timeout) {
  std::unique_lock lock(mutex_);
  if (!changed_.wait_for(lock, timeout, [this] { return count_up() > 0; })) {
    if (last_error_) return *last_error_;
    return make_error(ErrorCode::kTimeout,
                      "No lane of the path came up within {:.1f} s.",
                      seconds(timeout));
  }
  changed_.wait_for(lock, std::min(timeout, kLaneGatherMax),
                    [this] { return count_up() == lanes_.size(); });
  return {};
}

std::vector<LaneReport> LaneWatch::report(Instant now) const {
  const std::lock_guard lock(mutex_);
  std::vector<LaneReport> reports;
  for (const Lane& lane : lanes_) {
    reports.push_back(lane.report);
    if (lane.link == nullptr) continue;
    reports.back().up += now - lane.since;
    reports.back().sent_bytes += lane.link->sent_bytes();
  }
  return reports;
}

void LaneWatch::stop() {
  const std::lock_guard lock(mutex_);
  stopping_ = true;
  stop_.notify();
  changed_.notify_all();
}

bool LaneWatch::stopping() const {
  const std::lock_guard lock(mutex_);
  return stopping_;
}

bool LaneWatch::sleep(Duration time) {
  std::unique_lock lock(mutex_);
  return !changed_.wait_for(lock, time, [this] { return stopping_; });
}

}  // namespace causeway
