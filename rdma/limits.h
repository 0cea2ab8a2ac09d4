// Limits of the rdma path, each with its reason. What a device allows less of
// is used less of (rdma/verbs/device_limits.h).
#pragma once

#include <cstddef>
#include <cstdint>

#include "engine/base/limits.h"
#include "engine/base/time.h"
#include "engine/guest/region.h"

namespace causeway {

// What is registered at once: the unit in which a round hands out a guest
// (engine/migration/round.cc), so that a range is registered by one worker.
inline constexpr uint64_t kRdmaExtentBytesMax = 2u << 20;
inline constexpr uint64_t kRdmaExtentBlocksMax =
    kRdmaExtentBytesMax / kBlockBytes;

// Messages of records on their way, and of answers: what a source has sent and
// the target has not taken yet.
inline constexpr uint32_t kRdmaMessagesMax = 16;
inline constexpr size_t kRdmaMessageBytes = 4096;

// A message's WRITEs: enough that the doorbell and the answer vanish (a MiB is
// 80 us at 100 Gbit/s), few enough that many are on their way.
inline constexpr uint64_t kRdmaMessageWriteBytes = 1u << 20;
inline constexpr uint32_t kRdmaMessageWritesMax = 96;

// Work requests of a queue pair: some messages whose puts are small.
inline constexpr uint32_t kRdmaSendDepth = 512;

// What cannot be written in place goes through a ring of so much at both ends.
inline constexpr size_t kRdmaStagingBytes = 4 * size_t{kPutBytesMax};

// Puts that wait for a registration, an answer or room: the registrations of
// the next extents are asked for meanwhile.
inline constexpr uint32_t kRdmaPutsMax = 1024;
inline constexpr uint64_t kRdmaAheadBytesMax = 4 * kRdmaExtentBytesMax;

// Of one move, at each end: more ports than workers would be idle.
inline constexpr size_t kRdmaPortsMax = 4;

// Of a worker at one end: pieces of a guest full of holes are small.
inline constexpr uint32_t kRdmaExtentsMax = 4096;

// Registered guest memory of one end, all workers, unless the operator says
// otherwise.
inline constexpr uint64_t kRdmaPinnedBytesDefault = 1ull << 30;

// A put may lie across the border of two extents.
inline constexpr uint64_t kRdmaPinnedBytesMin = 2 * kRdmaExtentBytesMax;

// READs of a queue pair on their way at once: more would wait in its send
// queue, and each holds a resource of the device that answers.
inline constexpr uint8_t kRdmaReadsMax = 16;

// Pulls of a channel that are not complete: one for each of many vCPUs' faults,
// and a READ for each of their pieces within the send queue.
inline constexpr uint32_t kRdmaPullsMax = 64;
inline constexpr uint64_t kRdmaPullBytesMax = 64u << 10;

// How long a queue pair tries again what is not acknowledged: 4.096 us * 2^17,
// 0.54 s, a try (IBA 9.7.6.1.3; a device may take up to four times that).
inline constexpr uint8_t kRdmaTimeoutExponent = 17;
inline constexpr uint8_t kRdmaRetries = 7;

// Sent and not acknowledged by the other device for so long: the connection is
// given up, whatever this device says (Soft-RoCE has been seen to say nothing
// for 38 s). A second without a link is bridged; with a guest that stands
// still the streams are the better try.
inline constexpr Duration kRdmaSilenceMax = std::chrono::seconds(4);
inline constexpr Duration kRdmaUrgentSilenceMax = std::chrono::seconds(1);

// What a source spends on connections, all ports: a fabric that swallows
// everything must leave time for TCP (tools/agent/limits.h).
inline constexpr Duration kRdmaConnectMax = std::chrono::seconds(5);

// From the target's welcome to the source's being there: two packets.
inline constexpr Duration kRdmaAcceptMax = std::chrono::seconds(2);

// How long a source waits that meets no receive buffer: 10 us (IBA 9.7.5.2.8,
// code 1). rdma_cm's own 0 means 655 ms.
inline constexpr uint8_t kRdmaNotReadyTimer = 1;

static_assert(kRdmaExtentBytesMax % kBlockBytes == 0);
static_assert(kRdmaMessageWriteBytes >= kPutBytesMax);
static_assert(kRdmaStagingBytes >= 2 * size_t{kPutBytesMax});
static_assert(kRdmaStagingBytes % 4096 == 0);
static_assert(kRdmaSendDepth > 2 * (kRdmaMessageWritesMax + 1));
static_assert(kRdmaPullBytesMax % 4096 == 0);
static_assert(kRdmaPullBytesMax <= kRdmaExtentBytesMax);
static_assert(kRdmaExtentsMax > kRdmaSendDepth + 1,
              "among so many extents one is without a READ");
static_assert(kRdmaPinnedBytesDefault >= kRdmaPinnedBytesMin);

}  // namespace causeway
