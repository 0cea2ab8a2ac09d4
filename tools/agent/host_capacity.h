// What this host can still give to guests. Errors (kNoSpace) name what is
// asked for and what there is.
#pragma once

#include <cstdint>
#include <string>

#include "engine/base/result.h"

namespace causeway {

struct HostMemory {
  uint64_t available_bytes = 0;
  uint64_t huge_free_bytes = 0;  // in 2 MiB pages
};
Result<HostMemory> read_host_memory();

// `limit_bytes`: what guests may use here in all (0: no limit), `used_bytes`:
// what guests here are made of, `coming_bytes`: the part of it that has not
// been allocated yet, because it is still arriving.
struct MemoryDemand {
  uint64_t need_bytes = 0;
  uint32_t page_bytes = 4096;
  uint64_t limit_bytes = 0;
  uint64_t used_bytes = 0;
  uint64_t coming_bytes = 0;
};
Status check_memory(const MemoryDemand& demand, const HostMemory& host);

// Is there room for a disk of `need_bytes`, whole, beside `coming_bytes`, on
// the file system of `folder`?
Status check_disk_space(const std::string& folder, uint64_t need_bytes,
                        uint64_t coming_bytes);

}  // namespace causeway
