#include "rdma/memory/data_run.h"

#include "engine/base/assert.h"

namespace causeway {

Result<DataRun> run_around(DataCursor& data, uint64_t block, uint64_t first,
                           uint64_t end) {
  CAUSEWAY_ASSERT(first <= block && block < end);
  for (uint64_t at = first;;) {
    CAUSEWAY_ASSIGN(const BitRun run, data.next(at, end));
    const uint64_t begin = run.count == 0 ? end : run.first;
    if (block < begin) return DataRun{{at, begin - at}, true};
    if (block < run.end()) return DataRun{run, false};
    at = run.end();
  }
}

}  // namespace causeway
