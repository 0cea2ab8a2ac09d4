// LaneWatch: which lanes of a path are up, what each has carried, and since
// when none is. Each lane's thread tells it, the owner of the path asks it.
// Thread-safe.
#pragma once

#include <array>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "dpdk-wan/lanes/limits.h"
#include "dpdk-wan/link/wan_link.h"
#include "engine/base/notifier.h"
#include "engine/base/result.h"

namespace causeway {

// Of one lane, for the report; all its connections together.
struct LaneReport {
  std::string local;  // addresses
  std::string peer;
  uint64_t sent_bytes = 0;  // of UDP payload
  Duration up{0};           // how long it was there
  uint32_t losses = 0;      // how often it broke
  bool is_up = false;
};

class LaneWatch {
 public:
  LaneWatch(uint32_t lanes, Duration patience, Instant now)
      : patience_(patience), lanes_(lanes), none_since_(now) {}

  // `link` is there until down().
  void up(uint32_t lane, const WanLink& link, const std::string& peer,
          Instant now);
  // The lane broke, or ended with the path.
  void down(uint32_t lane, bool broke, Instant now);
  // A try that failed.
  void failed(const Error& error);

  // Until there has been no lane for longer than the patience; false: it was
  // stopped before.
  bool await_lost();
  // Until a lane is up, and a moment longer if others are not yet. The last
  // try's Error when none came in time.
  Status await_first(Duration timeout);
  std::vector<LaneReport> report(Instant now) const;

  void stop();
  bool stopping() const;
  int stop_fd() const { return stop_.fd(); }
  // False: it was stopped meanwhile.
  bool sleep(Duration time);

 private:
  struct Lane {
    LaneReport report;
    const WanLink* link = nullptr;  // of a lane that is up
    Instant since{};
  };

  size_t count_up() const;

  Duration patience_;
  Notifier stop_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Lane> lanes_;
  std::optional<Instant> none_since_;
  std::optional<Error> last_error_;
  bool stopping_ = false;
};

}  // namespace causeway
