// Watchers: who looks on while migrations of this host are under way. Those
// that are slow lose progress, never the migration's time: each has a bounded
// queue of its own, whose oldest event goes first.
//
// Thread-safe.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "engine/control/control.pb.h"

namespace causeway {

class Watchers {
 public:
  class Watch {
   public:
    // `migration`: the id of the one to see; empty: all.
    Watch(Watchers* watchers, std::string migration);
    ~Watch();
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;

    // Nothing when none has come in time, or at the end of all.
    std::optional<control::WatchEvent> next(std::chrono::milliseconds timeout);
    // No more will come: the agent stops, or the one migration has ended.
    bool over() const;

   private:
    Watchers* watchers_;
    uint64_t number_;
  };

  void publish(const control::WatchEvent& event);
  void stop();

 private:
  struct Queue {
    std::string migration;
    std::deque<control::WatchEvent> events;
    bool ended = false;
  };

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::map<uint64_t, Queue> queues_;
  uint64_t next_number_ = 0;
  bool stopped_ = false;
};

}  // namespace causeway
