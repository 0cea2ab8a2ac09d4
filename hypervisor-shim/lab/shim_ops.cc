#include "hypervisor-shim/lab/shim_ops.h"

#include <spdlog/spdlog.h>

#include <cerrno>

#include "hypervisor-shim/lab/vmm.h"

namespace causeway::lab {

namespace {

int errno_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument:
      return EINVAL;
    case ErrorCode::kNoSpace:
      return ENOSPC;
    case ErrorCode::kIncompatible:
      return ENOTSUP;
    case ErrorCode::kPermission:
      return EPERM;
    case ErrorCode::kGuestDied:
      return ESHUTDOWN;
    case ErrorCode::kPeerBroken:
      return EBADMSG;
    case ErrorCode::kCancelled:
      return ECANCELED;
    default:
      return EIO;
  }
}

// 0, or the negative errno with the sentence in `why` and in the log.
int returned(const Status& status, char* why = nullptr, size_t why_bytes = 0) {
  if (status) return 0;
  const Error& error = status.error();
  spdlog::warn("{}", error.message);
  if (why != nullptr && why_bytes > 0) {
    const auto end = fmt::format_to_n(why, why_bytes - 1, "{}", error.message);
    *end.out = '\0';
  }
  return -errno_of(error.code);
}

Vmm& vmm_of(void* vmm) { return *static_cast<Vmm*>(vmm); }

int append(cw_sink* sink, std::span<const std::byte> bytes) {
  return cw_sink_append(sink, bytes.data(), bytes.size());
}

std::span<const std::byte> bytes_of(const void* data, size_t bytes) {
  return {static_cast<const std::byte*>(data), bytes};
}

int moment(const Result<Instant>& from, uint64_t* to_ns) {
  if (!from) return returned(from.error());
  *to_ns = static_cast<uint64_t>(from->time_since_epoch().count());
  return 0;
}

int pause(void* vmm, uint64_t* stopped_ns) {
  return moment(vmm_of(vmm).pause(), stopped_ns);
}

int resume(void* vmm, uint64_t* running_ns) {
  return moment(vmm_of(vmm).resume(), running_ns);
}

int save_state(void* vmm, cw_sink* out, char* why, size_t why_bytes) {
  auto state = vmm_of(vmm).save_state();
  if (!state) return returned(state.error(), why, why_bytes);
  return append(out, *state);
}

int load_state(void* vmm, const void* data, size_t bytes, char* why,
               size_t why_bytes) {
  return returned(vmm_of(vmm).load_state(bytes_of(data, bytes)), why,
                  why_bytes);
}

int features(void* vmm, cw_sink* out) {
  return append(out, vmm_of(vmm).machine().features());
}

int check_features(void* vmm, const void* data, size_t bytes, char* why,
                   size_t why_bytes) {
  return returned(vmm_of(vmm).machine().check_features(bytes_of(data, bytes)),
                  why, why_bytes);
}

int dirty_start(void* vmm) {
  return returned(vmm_of(vmm).machine().dirty_start());
}

int dirty_collect(void* vmm, uint32_t region, uint64_t* bitmap) {
  if (region != kRamRegion) return -EINVAL;
  return returned(vmm_of(vmm).dirty_collect(bitmap));
}

int dirty_rearm(void* vmm, uint32_t region, uint64_t first_block,
                uint64_t blocks) {
  if (region != kRamRegion) return -EINVAL;
  return returned(vmm_of(vmm).machine().dirty_rearm(first_block, blocks));
}

int dirty_stop(void* vmm) {
  return returned(vmm_of(vmm).machine().dirty_stop());
}

}  // namespace

cw_vmm_ops shim_ops() {
  cw_vmm_ops ops{};
  ops.struct_bytes = sizeof(ops);
  ops.pause = pause;
  ops.resume = resume;
  ops.save_state = save_state;
  ops.load_state = load_state;
  ops.features = features;
  ops.check_features = check_features;
  ops.dirty_start = dirty_start;
  ops.dirty_collect = dirty_collect;
  ops.dirty_rearm = dirty_rearm;
  ops.dirty_stop = dirty_stop;
  return ops;
}

}  // namespace causeway::lab
