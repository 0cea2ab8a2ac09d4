#include "hypervisor-shim/embed/vmm.h"

#include <array>
#include <cerrno>
#include <string_view>
#include <utility>

#include "engine/runtime/clock.h"
#include "hypervisor-shim/protocol/limits.h"

namespace causeway::shim {
namespace {

// The VMM's sentence; NUL-terminated whatever the VMM does.
class Why {
 public:
  char* data() { return text_.data(); }
  size_t size() const { return text_.size() - 1; }
  std::string_view view() const { return text_.data(); }

 private:
  std::array<char, kSentenceBytesMax + 1> text_{};
};

// What errno_error() has no better code for.
ErrorCode code_of(int failure, ErrorCode otherwise) {
  switch (failure) {
    case ENOTSUP:
      return ErrorCode::kIncompatible;
    case EBADMSG:
      return ErrorCode::kPeerBroken;
    case ESHUTDOWN:
      return ErrorCode::kGuestDied;
    case ECANCELED:
      return ErrorCode::kCancelled;
    default:
      return otherwise;
  }
}

Status status_of(int returned, std::string_view call,
                 std::string_view why = {}) {
  if (returned == 0) return {};
  const int failure = returned < 0 ? -returned : EIO;
  Error error = errno_error(failure, call);
  if (!why.empty()) error.message = why;
  error.code = code_of(failure, error.code);
  return error;
}

Instant instant_of(uint64_t ns) {
  return Instant(Duration(static_cast<int64_t>(ns)));
}

}  // namespace

Result<Instant> Vmm::pause() {
  const Instant called = monotonic_now();
  uint64_t stopped_ns = 0;
  CAUSEWAY_TRY(status_of(ops_.pause(vmm_, &stopped_ns), "pause the guest"));
  return stopped_ns != 0 ? instant_of(stopped_ns) : called;
}

Result<Instant> Vmm::resume() {
  uint64_t running_ns = 0;
  CAUSEWAY_TRY(status_of(ops_.resume(vmm_, &running_ns), "resume the guest"));
  return running_ns != 0 ? instant_of(running_ns) : monotonic_now();
}

Result<std::vector<std::byte>> Vmm::save_state() {
  cw_sink sink{{}, kStateBytesMax};
  Why why;
  const int returned = ops_.save_state(vmm_, &sink, why.data(), why.size());
  CAUSEWAY_TRY(status_of(returned, "save the guest's state", why.view()));
  return std::move(sink.bytes);
}

Status Vmm::load_state(std::span<const std::byte> state) {
  Why why;
  const int returned =
      ops_.load_state(vmm_, state.data(), state.size(), why.data(), why.size());
  return status_of(returned, "load the guest's state", why.view());
}

Result<std::vector<std::byte>> Vmm::features() {
  cw_sink sink{{}, kFeaturesBytesMax};
  CAUSEWAY_TRY(status_of(ops_.features(vmm_, &sink), "list CPU features"));
  return std::move(sink.bytes);
}

Status Vmm::check_features(std::span<const std::byte> features) {
  Why why;
  const int returned = ops_.check_features(
      vmm_, features.data(), features.size(), why.data(), why.size());
  return status_of(returned, "compare CPU features", why.view());
}

Status Vmm::dirty_start() {
  return status_of(ops_.dirty_start(vmm_), "start dirty tracking");
}

Status Vmm::dirty_collect(RegionId region, BitmapView bitmap) {
  return status_of(ops_.dirty_collect(vmm_, region, bitmap.words()),
                   "collect the dirty log");
}

Status Vmm::dirty_rearm(const BlockRange& range) {
  return status_of(
      ops_.dirty_rearm(vmm_, range.region, range.first, range.count),
      "re-arm dirty tracking");
}

Status Vmm::dirty_stop() {
  return status_of(ops_.dirty_stop(vmm_), "stop dirty tracking");
}

}  // namespace causeway::shim
