#include "rdma/memory/data_run.h"

#include "engine/base/assert.h"

namespace causeway {

Result<DataRun> run_around(BlockStore& store, uint64_t block, uint64_t first,
                           uint64_t end) {
  CAUSEWAY_ASSERT(first <= block && block < end);
  for (uint64_t at = first;;) {
    CAUSEWAY_ASSIGN(const BitRun run, store.next_data(at, end));
    const uint64_t data = run.count == 0 ? end : run.first;
    if (block < data) return DataRun{{at, data - at}, true};
    if (block < run.end()) return DataRun{run, false};
    at = run.end();
  }
}

}  // namespace causeway
