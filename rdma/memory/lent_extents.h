// LentExtents: the extents of guest RAM that this end has registered for its
// peer, as the peer has asked for them, within the limit: the target's for
// WRITEs, a source's for READs.
//
// A registration is a system call that pins pages and fills holes. One owner,
// one thread. What is lent is good for the endpoint's connection alone.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "engine/guest/block_store.h"
#include "engine/guest/data_cursor.h"
#include "rdma/verbs/endpoint.h"
#include "rdma/wire/record.h"

namespace causeway {

class LentExtents {
 public:
  // stores[region]: nullptr where nothing is lent. `access`: what the peer may
  // do, IBV_ACCESS_*. The endpoint and the stores outlive it.
  LentExtents(RdmaEndpoint& endpoint, std::span<BlockStore* const> stores,
              int access, uint64_t pinned_bytes_max);

  // That extent, as it is. A key that is not registered: it cannot be, or the
  // limit is reached. kPeerBroken: it is none of this guest, or lent already.
  Result<RdmaKey> lend(const BlockRange& extent);

  // The run of data around that block, within its kRdmaExtentBytesMax and
  // beside what is lent; a hole stays one, and the key says so.
  Result<RdmaKey> lend_around(RegionId region, uint64_t block);

  // kPeerBroken: it is not lent.
  Status take_back(const BlockRange& extent);
  // Once the queue pair is gone.
  void take_all_back();

  uint64_t pinned_bytes() const { return pinned_bytes_; }
  uint64_t pinned_bytes_most() const { return pinned_bytes_most_; }

 private:
  using Place = std::pair<RegionId, uint64_t>;  // its first block
  struct Lent {
    uint64_t blocks = 0;
    MemoryRegion memory;
  };

  Status check(const BlockRange& extent) const;

  RdmaEndpoint& endpoint_;
  const std::vector<BlockStore*> stores_;
  std::vector<std::optional<DataCursor>> data_;  // as ExtentTable's
  const int access_;
  const uint64_t pinned_bytes_max_;
  std::map<Place, Lent> lent_;
  uint64_t pinned_bytes_ = 0;
  uint64_t pinned_bytes_most_ = 0;
  bool refused_ = false;  // said once
};

}  // namespace causeway
