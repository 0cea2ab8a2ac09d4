// What a device allows, asked for and never assumed (ibv_query_device).
#pragma once

#include <cstdint>

#include "engine/base/result.h"

struct ibv_context;

namespace causeway {

struct DeviceLimits {
  uint32_t queue_pair_requests = UINT32_MAX;  // max_qp_wr
  uint32_t completions = UINT32_MAX;          // max_cqe
  uint32_t registrations = UINT32_MAX;        // max_mr
  uint64_t registration_bytes = UINT64_MAX;   // max_mr_size
  // On their way at once, started and answered: the less of max_qp_init_rd_atom
  // and max_qp_rd_atom.
  uint32_t reads = UINT32_MAX;

  // The less of each.
  DeviceLimits within(const DeviceLimits& other) const;
};

Result<DeviceLimits> device_limits(ibv_context* device);

// How deep the queues of one end are: what the path would like, as far as the
// device goes.
struct QueueDepths {
  uint32_t requests = 0;  // of the send queue
  uint32_t messages = 0;  // receive buffers, and messages on their way
};

// kIncompatible: not even one message with one WRITE fits.
Result<QueueDepths> queue_depths(const DeviceLimits& limits);

}  // namespace causeway
