// KeyTable: what a puller knows of the source's memory: the extents whose keys
// it has been lent, and holes. No two overlap. Asked for is once a window of
// kRdmaExtentBytesMax, in which the source looks for the run.
//
//   unknown --want--> asked --key--> lent, or a hole
//      ^                |
//      \---- refused ---/    while what is lent and idle is given back
//
// Pure: no verbs, no clock. One owner, one thread.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <utility>
#include <vector>

#include "engine/base/result.h"
#include "engine/guest/region.h"
#include "rdma/limits.h"
#include "rdma/wire/record.h"

namespace causeway {

struct LentKey {
  BlockRange blocks;
  bool hole = false;
  uint64_t address = 0;  // of the first byte, over there
  uint32_t key = 0;
  uint32_t reads_out = 0;  // that use it: it stays
  uint64_t last_use = 0;
};

class KeyTable {
 public:
  // What has the block, used now; nullptr: unknown. Good until a key is taken,
  // and as long as reads_out says so.
  LentKey* find(RegionId region, uint64_t block);

  // Asks for what has the block, which is unknown; unless it has been asked
  // for, or has to wait for READs that are out.
  void want(RegionId region, uint64_t block);

  // For the source, in order: drops, then wants.
  std::vector<RdmaRecord>& errands() { return errands_; }

  enum class Taken : uint8_t {
    kKnown,
    kLater,    // not now: ask again
    kRefused,  // nothing that could be given back would help
  };
  // The answer to the oldest want. kPeerBroken: it is none.
  Result<Taken> take_key(const RdmaKey& key);

  // A READ that uses it has been posted; is over.
  void read_begun(LentKey& lent);
  void read_done(LentKey& lent);

  uint64_t lent_bytes() const { return lent_bytes_; }

 private:
  using Place = std::pair<RegionId, uint64_t>;  // the first block
  using Keys = std::map<Place, LentKey>;

  Status check(const RdmaKey& key, const BlockRange& wanted) const;
  Taken refuse();
  Keys::iterator oldest_idle(bool holes_too);
  void drop(Keys::iterator which);

  Keys keys_;
  std::deque<BlockRange> asked_;  // a block each, by age
  std::vector<RdmaRecord> errands_;
  bool held_ = false;  // until a READ is over
  uint32_t reads_out_ = 0;
  uint64_t lent_bytes_ = 0;
  uint64_t uses_ = 0;
};

}  // namespace causeway
