// ShimDirtyLog: the dirty log of a guest behind a shim socket. Collects and
// re-arms by request; acknowledges in the shared memory, without one.
#pragma once

#include <utility>

#include "engine/guest/dirty_log.h"
#include "hypervisor-shim/client/shim_connection.h"
#include "hypervisor-shim/protocol/owed_memory.h"

namespace causeway {

class ShimDirtyLog : public DirtyLog {
 public:
  // `connection` outlives the log.
  ShimDirtyLog(shim::ShimConnection& connection, shim::OwedMemory owed)
      : connection_(connection), owed_(std::move(owed)) {}

  Status start() override;
  Result<Version> collect() override;
  Status rearm(BlockRange range) override;
  void ack(BlockRange range, Version version) override;
  Status stop() override;
  BitmapView owed(RegionId region) override { return owed_.bitmap(region); }

 private:
  shim::ShimConnection& connection_;
  shim::OwedMemory owed_;
};

}  // namespace causeway
