#include "tools/agent/watchers.h"

#include <utility>

#include "tools/agent/limits.h"

namespace causeway {

Watchers::Watch::Watch(Watchers* watchers, std::string migration)
    : watchers_(watchers) {
  const std::lock_guard lock(watchers_->mutex_);
  number_ = watchers_->next_number_++;
  watchers_->queues_[number_].migration = std::move(migration);
}

Watchers::Watch::~Watch() {
  const std::lock_guard lock(watchers_->mutex_);
  watchers_->queues_.erase(number_);
}

std::optional<control::WatchEvent> Watchers::Watch::next(
    std::chrono::milliseconds timeout) {
  std::unique_lock lock(watchers_->mutex_);
  Queue& queue = watchers_->queues_.at(number_);
  watchers_->changed_.wait_for(lock, timeout, [&] {
    return !queue.events.empty() || queue.ended || watchers_->stopped_;
  });
  if (queue.events.empty()) return std::nullopt;
  control::WatchEvent event = std::move(queue.events.front());
  queue.events.pop_front();
  return event;
}

bool Watchers::Watch::over() const {
  const std::lock_guard lock(watchers_->mutex_);
  const Queue& queue = watchers_->queues_.at(number_);
  return queue.events.empty() && (queue.ended || watchers_->stopped_);
}

void Watchers::publish(const control::WatchEvent& event) {
  {
    const std::lock_guard lock(mutex_);
    for (auto& [number, queue] : queues_) {
      const bool all = queue.migration.empty();
      if (!all && queue.migration != event.migration()) continue;
      if (queue.events.size() == kWatchEventsMax) queue.events.pop_front();
      queue.events.push_back(event);
      if (!all && event.has_ended()) queue.ended = true;
    }
  }
  changed_.notify_all();
}

void Watchers::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
  }
  changed_.notify_all();
}

}  // namespace causeway
