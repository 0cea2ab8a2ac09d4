#include "engine/migration/sender.h"

namespace causeway {

Sender::Sender(BulkChannel& channel, GuestImage& image, Pacer& pacer,
               std::span<std::byte> scratch, const Notifier& session_wake,
               CodecGovernor* codec)
    : channel_(channel),
      limits_(channel.limits()),
      image_(image),
      pacer_(pacer),
      scratch_(scratch),
      session_wake_(session_wake),
      codec_(codec != nullptr && codec->may_encode() ? codec : nullptr) {
  CAUSEWAY_ASSERT(scratch.size() >= kScratchBytes);
  if (codec_ != nullptr) frames_.emplace(image, *codec_);
}

bool Sender::submit(const SendWork& work) {
  if (!ring_.push(work)) return false;
  wake_.notify();
  return true;
}

void Sender::stop() {
  stopping_.store(true, std::memory_order_release);
  wake_.notify();
}

bool Sender::done() const {
  return stopping_.load(std::memory_order_acquire) ||
         failed_.load(std::memory_order_relaxed);
}

void Sender::wait_on(WaitSet& set) const {
  set.add(wake_.fd(), /*POLLIN*/ 1);
  channel_.wait_on(set);
}

void Sender::fail(Error error) {
  failure_ = std::move(error);
  failed_.store(true, std::memory_order_release);
  session_wake_.notify();
}

}  // namespace causeway
