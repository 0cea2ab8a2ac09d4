// Limits of the lab VMMs, each with its reason.
#pragma once

#include <cstddef>
#include <cstdint>

#include "engine/base/limits.h"
#include "hypervisor-shim/lab/guest_abi.h"

namespace causeway::lab {

// The fixed part of guest RAM ends at 5 MiB; below 8 MiB nothing is left to
// work on.
inline constexpr uint64_t kMemoryBytesMin = 8ull << 20;

// One page directory maps 1 GiB, and 126 of them fit beside PML4 and PDPT.
inline constexpr uint64_t kMemoryBytesMax = 64ull << 30;

inline constexpr uint64_t kDiskBytesMin = 1ull << 20;
inline constexpr uint64_t kDiskBytesMax = kRegionBytesMax;

// A vCPU has about ten sections; the largest is XSAVE (11 KiB with AMX) or
// the MSRs (300 of 16 bytes).
inline constexpr size_t kStateSectionsMax = 128;
inline constexpr size_t kStateSectionBytesMax = 1u << 20;

// A monitor line holds one small command.
inline constexpr size_t kMonitorLineBytesMax = 4096;

// An answer: status of four vCPUs, or a sentence.
inline constexpr size_t kMonitorReplyBytesMax = 64u << 10;

// Agent, operator, a test or two; more is a leak.
inline constexpr size_t kMonitorClientsMax = 16;

// Requests in flight: every slot of every vCPU.
inline constexpr uint32_t kDiskRequestsMax = GUEST_VCPUS_MAX * GUEST_DISK_SLOTS;

static_assert(kMemoryBytesMin > GUEST_TABLES_GPA);
static_assert(GUEST_PAGE_TABLES_BYTES / 4096 >= 2 + (kMemoryBytesMax >> 30));
static_assert(GUEST_CPU_GPA + GUEST_VCPUS_MAX * GUEST_CPU_AREA_BYTES <=
              GUEST_PAGE_TABLES_GPA);
static_assert(GUEST_PAGE_TABLES_GPA + GUEST_PAGE_TABLES_BYTES <=
              GUEST_DISK_BUFFERS_GPA);
static_assert(GUEST_DISK_BUFFERS_GPA +
                  GUEST_VCPUS_MAX * GUEST_DISK_BUFFERS_BYTES <=
              GUEST_TABLES_GPA);
static_assert(GUEST_PROGRAM_GPA + GUEST_PROGRAM_BYTES_MAX <= GUEST_CPU_GPA);
static_assert(kStateSectionsMax * kStateSectionBytesMax >= kStateBytesMax);

}  // namespace causeway::lab
