// ShimService: the thread inside a VMM that serves one mover at a time.
//
//   listening ──connect──► hello sent ──request──► answer ──┐
//       ▲                      ▲                            │
//       │                      └────────────────────────────┘
//       └── connection lost: tracking stops; a guest that this mover paused
//           and did not commit is resumed. After commit it stays frozen, and
//           a shell that nobody resumed stays as it is.
//
// The thread sleeps in poll() while nothing is asked.
#pragma once

#include <atomic>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "engine/base/notifier.h"
#include "engine/base/result.h"
#include "engine/base/unique_fd.h"
#include "engine/guest/region.h"
#include "hypervisor-shim/embed/owed_log.h"
#include "hypervisor-shim/embed/vmm.h"
#include "hypervisor-shim/protocol/message.h"
#include "hypervisor-shim/protocol/seqpacket.h"

namespace causeway::shim {

class ShimService {
 public:
  struct Config {
    std::string socket_path;
    GuestSpec spec;  // features are asked of the VMM at each hello
    std::vector<UniqueFd> region_fds;
  };

  // Listens and starts the thread.
  static Result<std::unique_ptr<ShimService>> start(Config config, Vmm vmm);

  // Stops the thread and removes the socket. Calls no function of the VMM, so
  // a paused guest stays paused. Not from the service thread.
  ~ShimService();

  ShimService(const ShimService&) = delete;
  ShimService& operator=(const ShimService&) = delete;

  // Any thread.
  void mark_dirty(RegionId region, uint64_t offset, uint64_t bytes) {
    log_.mark_dirty(region, offset, bytes);
  }
  void guest_died(std::string why);

 private:
  struct Answer {
    Packet packet;
    UniqueFd fd;
  };

  ShimService(Config config, Vmm vmm, OwedMemory owed, UniqueFd listener);

  void run();
  void accept_mover();
  Status greet(int socket);
  void serve_request();
  void tell_died();
  void lose_mover();

  Result<Answer> answer(const Message& request, std::span<const UniqueFd> fds);
  Result<Instant> pause();
  Result<Instant> resume();
  Status commit();
  Result<Answer> save_state(Header ok);
  Status load_state(const Message& request, std::span<const UniqueFd> fds);

  std::optional<std::string> death();
  Status refuse_if_dead();

  Config config_;
  Vmm vmm_;
  OwedLog log_;
  UniqueFd listener_;
  Notifier notifier_;
  std::atomic<bool> stopping_{false};

  std::mutex death_mutex_;
  std::optional<std::string> death_;  // why; guarded by death_mutex_

  // Of the service thread alone.
  UniqueFd mover_;
  PacketReceiver receiver_;
  bool told_died_ = false;
  bool paused_ = false;  // by a mover
  bool committed_ = false;

  std::thread thread_;
};

}  // namespace causeway::shim
