// RdmaLab: both ends of an rdma path in one process, on the two verbs devices
// that tests/labs/rdma/run names in CAUSEWAY_RDMA_ADDRESSES.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/guest/ram_store.h"
#include "rdma/rdma_options.h"
#include "rdma/rdma_path_listener.h"
#include "tests/contract/path_contract.h"

namespace causeway {

struct RdmaLabShape {
  DeviceLimits device_limits{};
  uint64_t pinned_bytes_max = kRdmaPinnedBytesDefault;
  // Guest RAM at both ends that WRITEs go from and to; nothing: no WRITE in
  // place.
  std::vector<BlockStore*> source_stores;
  std::vector<BlockStore*> target_stores;
};

class RdmaLab final : public PathLab {
 public:
  RdmaLab(const PathLabOptions& options, const RdmaLabShape& shape);
  ~RdmaLab() override;

  OutboundPath& outbound() override { return *outbound_; }
  InboundPath& inbound() override { return *inbound_; }
  Instant now() override;
  bool wait(const WaitSet& set, Instant until) override;
  bool is_ready(const WaitSet& set) override;
  void cut() override;

  // The two addresses; fails the test when there are none.
  static std::pair<std::string, std::string> addresses();
  // Packets between the two addresses are lost, or go again.
  static void silence(bool silent);

 private:
  RdmaOptions options(const PathLabOptions& wanted, const RdmaLabShape& shape,
                      const std::string& address,
                      const std::vector<BlockStore*>& stores) const;

  std::optional<RdmaPathListener> listener_;
  std::unique_ptr<OutboundPath> outbound_;
  std::unique_ptr<InboundPath> inbound_;
  bool silent_ = false;
};

}  // namespace causeway
