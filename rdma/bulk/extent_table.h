// ExtentTable: the pieces of guest RAM that one worker of the source has
// registered, here and at the target: runs of data (SEEK_DATA) within the
// 2 MiB in which a round hands a guest out, so that holes stay holes. The
// longest unused makes room when the limit is reached.
//
//   asked ---key---> ready        WRITEs go
//     \---- no ----> refused      what belongs there is staged
//
// A registration is a system call that pins pages: not the data path, though it
// goes on beside it. One owner, one thread.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <vector>

#include "engine/guest/block_store.h"
#include "engine/guest/data_cursor.h"
#include "rdma/verbs/endpoint.h"
#include "rdma/wire/record.h"

namespace causeway {

struct Extent {
  enum class State : uint8_t { kAsked, kReady, kRefused };
  BlockRange range;
  State state = State::kAsked;
  MemoryRegion local;  // none: refused here
  uint64_t remote_address = 0;
  uint32_t remote_key = 0;
  uint32_t waiting = 0;       // puts that are queued for it
  uint64_t last_message = 0;  // that wrote into it
};

class ExtentTable {
 public:
  // stores[region]: nullptr where it is not for WRITEs. All outlive the table.
  ExtentTable(RdmaEndpoint& endpoint, std::span<BlockStore* const> stores,
              uint64_t pinned_bytes_max);

  // Whether the bytes are those of that block of that region, in place.
  bool is_in_place(RegionId region, uint64_t block,
                   const std::byte* bytes) const;

  // The extent that has the block, or nullptr.
  Extent* find(RegionId region, uint64_t block);

  // Registers the extent around the block, which has none, and tells the
  // target: what errands() then holds goes first. nullptr: the limit is reached
  // and nothing is idle that messages up to `taken` were the last to use.
  Result<Extent*> add(RegionId region, uint64_t block, uint64_t taken);

  // kPeerBroken: nobody asked for it.
  Status take_key(const RdmaKey& key);

  // Wants and drops for the target, in order.
  std::vector<RdmaRecord>& errands() { return errands_; }

  uint64_t pinned_bytes() const { return pinned_bytes_; }

 private:
  using Extents = std::map<uint64_t, Extent>;  // by first block

  Result<BlockRange> extent_around(RegionId region, uint64_t block);
  bool make_room(uint64_t bytes, uint64_t taken);
  void drop(RegionId region, Extents::iterator extent);

  RdmaEndpoint& endpoint_;
  std::vector<BlockStore*> stores_;
  // A worker goes upwards: the end of a run is looked for once.
  std::vector<std::optional<DataCursor>> data_;
  std::vector<Extents> regions_;
  size_t count_ = 0;
  const uint64_t pinned_bytes_max_;
  uint64_t pinned_bytes_ = 0;
  std::vector<RdmaRecord> errands_;
  bool refused_ = false;  // said once
};

}  // namespace causeway
