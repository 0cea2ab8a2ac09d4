// How often operator new was called in this process. Whoever links
// allocation_count.cc replaces it, as the sanitizers do: such a test is a
// binary of its own, and not for their builds.
#pragma once

#include <atomic>
#include <cstdint>

namespace causeway {

extern std::atomic<uint64_t> allocations;

}  // namespace causeway
