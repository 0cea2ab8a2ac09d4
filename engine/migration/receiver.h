// Receiver: one worker of the target: drives a bulk receiver into its
// placement. Two threads, as with Sender: the session looks at the atomics.
#pragma once

#include <atomic>

#include "engine/base/notifier.h"
#include "engine/base/stepper.h"
#include "engine/path/path.h"

namespace causeway {

class Receiver final : public Stepper {
 public:
  Receiver(BulkReceiver& bulk, const Notifier& session_wake)
      : bulk_(bulk), session_wake_(session_wake) {}

  FenceId fence_landed() const {
    return fence_landed_.load(std::memory_order_acquire);
  }
  uint64_t wire_bytes() const {
    return wire_bytes_.load(std::memory_order_relaxed);
  }
  const Error* failure() const {
    return failed_.load(std::memory_order_acquire) ? &failure_ : nullptr;
  }
  // As BulkReceiver::withdraw(), by the worker; session_wake comes when it is.
  void withdraw();
  bool withdrawn() const { return withdrawn_.load(std::memory_order_acquire); }
  void stop();

  Instant step(Instant now) override;
  void wait_on(WaitSet& set) const override;
  bool done() const override;

 private:
  Status withdraw_if_wanted();
  void note_withdrawn();

  BulkReceiver& bulk_;
  const Notifier& session_wake_;
  Notifier wake_;
  std::atomic<FenceId> fence_landed_{0};
  std::atomic<uint64_t> wire_bytes_{0};
  std::atomic<bool> withdraw_wanted_{false};
  std::atomic<bool> withdrawn_{false};
  bool withdraw_failed_ = false;  // the worker's
  std::atomic<bool> stopping_{false};
  std::atomic<bool> failed_{false};
  Error failure_;
};

}  // namespace causeway
