// The self-test's sender and receiver: datagrams at a rate, each with its
// number and the time at which it was sent, and what became of them.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include "engine/base/result.h"
#include "engine/base/time.h"
#include "engine/base/unique_fd.h"

namespace causeway {

struct LoadPlan {
  std::string from;  // addresses of the two hosts
  std::string to;
  size_t datagram_bytes = 0;
  uint64_t rate_bits_s = 0;  // of whole frames
  Duration length{};
};

struct LoadResult {
  uint64_t sent_frames = 0;
  uint64_t received_frames = 0;
  uint64_t received_bytes = 0;  // of whole frames
  // From the first datagram received to the last.
  Duration received_for{};
  std::vector<Duration> transits;  // one way, each datagram's
};

// What a datagram takes on the wire besides its own bytes: Ethernet, IPv4, UDP.
inline constexpr size_t kDatagramHeadBytes = 14 + 20 + 8;

// The receiving end. Made on its host; a thread of its own takes what comes.
class LoadReceiver {
 public:
  static Result<std::unique_ptr<LoadReceiver>> start(const LoadPlan& plan);
  ~LoadReceiver();
  // When nothing has come for `quiet`.
  LoadResult finish(Duration quiet);

 private:
  LoadReceiver() = default;
  void loop();

  UniqueFd fd_;
  std::atomic<bool> stopping_{false};
  std::atomic<int64_t> last_ns_{0};
  LoadResult result_;
  std::thread thread_;
};

// Sends on the calling host's thread, until the plan's time is over.
Result<uint64_t> send_load(const LoadPlan& plan);

}  // namespace causeway
