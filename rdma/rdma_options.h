// What one end of an rdma path wishes.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/base/time.h"
#include "engine/guest/block_store.h"
#include "engine/path/tcp/tls_context.h"
#include "rdma/limits.h"
#include "rdma/verbs/device_limits.h"

namespace causeway {

struct RdmaOptions {
  uint16_t streams = 1;  // workers, 1 to kStreamsMax
  // Without RDMA no path; else, where no connection can be made, that of the
  // streams alone: a tcp path, which says so by its name.
  bool required = true;
  Duration timeout = std::chrono::seconds(10);
  // Of the control stream and the streams that stand by. What goes by RDMA is
  // in the clear in any case.
  std::optional<TlsOptions> tls{};
  // Of this end's verbs devices, "address:0", at most kRdmaPortsMax: those of
  // the fabrics on which the two hosts meet, in one order at both ends. The
  // workers take turns.
  std::vector<std::string> device_addresses;
  // The guest's regions, by number: whose RAM a device may reach. They outlive
  // the path's channels.
  std::vector<BlockStore*> stores;
  // Of the source, a worker each: where payloads that are not in place lie.
  std::vector<std::span<const std::byte>> scratch;
  // Guest memory that is registered at once at this end, all workers.
  uint64_t pinned_bytes_max = kRdmaPinnedBytesDefault;
  // Of the target, a worker's ring for payloads that are not in place.
  uint32_t staging_bytes = kRdmaStagingBytes;
  // ... and the source may READ from it as well: a probe.
  bool staging_readable = false;
  // For tests: a device that allows no more than this.
  DeviceLimits device_limits{};

  uint64_t pinned_bytes_a_worker() const {
    return std::max(pinned_bytes_max / streams, kRdmaPinnedBytesMin);
  }
};

}  // namespace causeway
