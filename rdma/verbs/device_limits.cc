#include "rdma/verbs/device_limits.h"

#include <infiniband/verbs.h>

#include <algorithm>
#include <cerrno>

#include "rdma/limits.h"

namespace causeway {

DeviceLimits DeviceLimits::within(const DeviceLimits& other) const {
  return {std::min(queue_pair_requests, other.queue_pair_requests),
          std::min(completions, other.completions),
          std::min(registrations, other.registrations),
          std::min(registration_bytes, other.registration_bytes),
          std::min(reads, other.reads)};
}

Result<DeviceLimits> device_limits(ibv_context* device) {
  ibv_device_attr found{};
  if (const int error = ibv_query_device(device, &found); error != 0) {
    return errno_error(error, fmt::format("asking {} for its limits",
                                          ibv_get_device_name(device->device)));
  }
  return DeviceLimits{
      static_cast<uint32_t>(std::max(found.max_qp_wr, 0)),
      static_cast<uint32_t>(std::max(found.max_cqe, 0)),
      static_cast<uint32_t>(std::max(found.max_mr, 0)), found.max_mr_size,
      static_cast<uint32_t>(std::max(
          std::min(found.max_qp_init_rd_atom, found.max_qp_rd_atom), 0))};
}

// A message takes one request for its records, its WRITEs the others.
Result<QueueDepths> queue_depths(const DeviceLimits& limits) {
  QueueDepths depths;
  depths.messages = std::min({kRdmaMessagesMax, limits.queue_pair_requests / 4,
                              limits.completions / 8});
  depths.requests = std::min({kRdmaSendDepth, limits.queue_pair_requests,
                              limits.completions - depths.messages});
  if (depths.messages == 0 || limits.registrations < 8 ||
      limits.registration_bytes < kRdmaStagingBytes) {
    return make_error(ErrorCode::kIncompatible,
                      "the device is too small for the rdma path: {} requests "
                      "a queue pair, {} completions, {} registrations of {} "
                      "bytes",
                      limits.queue_pair_requests, limits.completions,
                      limits.registrations, limits.registration_bytes);
  }
  return depths;
}

}  // namespace causeway
