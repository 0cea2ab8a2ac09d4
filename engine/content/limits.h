// Limits of the content index, each with its reason.
#pragma once

#include <cstddef>
#include <cstdint>

#include "engine/base/limits.h"
#include "engine/codec/limits.h"
#include "engine/guest/region.h"

namespace causeway {

// A path, as Linux limits it (PATH_MAX), without its zero.
inline constexpr size_t kContentPathBytesMax = 4095;

// Content lies at sectors: an image's partition may begin at any of them
// (63, in old ones), and its file system's blocks count from there.
inline constexpr uint64_t kContentAlignBytes = 512;

// Pieces of content that is cut by content (content_cutter.h), 4.6 KiB on
// average: shorter ones cost more names, longer ones more blocks that are not
// whole in what is known. Long ones are cut where two bits less are zero
// (FastCDC's normalized chunking), so that one in 10,000 is as long as allowed:
// no index has that one.
inline constexpr unsigned kPieceCutBits = 12;
inline constexpr unsigned kPieceLooseCutBits = 10;
inline constexpr size_t kPieceBytesMin = 1024;
inline constexpr size_t kPieceBytesLong = 8192;

// Where a piece may begin in the sector that an index names: what is tried
// before it is not there. One in 1,024 bytes may be a cut.
inline constexpr int kPieceTriesMax = 4;

// How often in a row a piece is looked for behind the one before it and is not
// there: each costs a read and a hash.
inline constexpr int kPieceMissesMax = 8;

// Digests of one call: 16 frames' worth. What a call costs besides (a lock, a
// round trip) is then spread over 4 MiB of content, and its answer is 24 KiB.
inline constexpr size_t kContentBatchMax = 1024;

// Sources of one index: files and guests' regions of one host. Each costs its
// name in memory; a host that mirrors a distribution has some 100,000 files.
inline constexpr size_t kContentSourcesMax = 1u << 20;

// Files that a reader keeps open: enough for the images and libraries that a
// guest's content comes from, far below a process's usual 1,024 descriptors.
inline constexpr size_t kContentFilesOpenMax = 64;

// A memory index names a place by 32 bits: the number of a chunk that one
// source has, and the sector in it. Chunks are given when content in them
// comes, so that a sparse source costs what it has: 2 TiB, for which the table
// needs 5 GB, are reached by the memory first.
inline constexpr uint64_t kContentChunkBytes = 16u << 20;
inline constexpr uint32_t kContentSectorsPerChunk =
    kContentChunkBytes / kContentAlignBytes;
inline constexpr uint32_t kContentChunksMax =
    (1ull << 32) / kContentSectorsPerChunk - 1;  // 0 stays free

// What an operator or an indexer keeps with a source: a record a trust domain
// (index_record.h).
inline constexpr size_t kContentNoteBytesMax = 1024;

// What is put in bulk is sorted and written in files of so many entries: 4 GiB
// of content, 24 MiB of memory, twice while they are sorted.
inline constexpr size_t kGatheredMax = 1u << 20;

// Trust domains that one file is indexed in, as far as they are remembered.
inline constexpr size_t kIndexRecordsMax = 16;

// A store's entries are read in parts of the digests' values, by their first 20
// bits: parts of one size, whatever they hold.
inline constexpr uint32_t kContentPartBits = 20;
inline constexpr uint32_t kContentParts = 1u << kContentPartBits;

// Redis. Its cluster's own recommended size is 1,000 nodes.
inline constexpr size_t kRedisNodesMax = 1000;
// How often a command may be sent elsewhere or again before it fails: a slot
// that moves costs an ASK and a MOVED, a node that dies a second try.
inline constexpr int kRedisRoundsMax = 8;
// One call in all, and a connection. A site's network answers in 1 ms; the
// caller goes on without the index after that.
inline constexpr int kRedisCallMsMax = 5000;
inline constexpr int kRedisConnectMsMax = 1000;
// The longest array that is asked for: a part's entries or the cluster's slots.
inline constexpr size_t kRedisElementsMax = 1u << 16;
// One exchange with one node: a batch of parts, or of sources with their paths.
inline constexpr size_t kRedisReplyBytesMax = 64u << 20;
// A prefix of keys in a location.
inline constexpr size_t kRedisPrefixBytesMax = 64;

static_assert(kBlockBytes % kContentAlignBytes == 0);
// A frame's blocks, by the shortest pieces of either cut, and the pieces at the
// ends of each of its runs.
static_assert(kFrameBytesMax / kContentAlignBytes <= kFramePiecesMax);
static_assert(kFrameBytesMax / kPieceBytesMin + 2 * kFrameBlocksMax <=
              kFramePiecesMax);
static_assert(kFramePiecesMax <= kContentBatchMax);
static_assert(kContentChunkBytes % kBlockBytes == 0);
static_assert(kRegionBytesMax / kContentChunkBytes <= 1ull << 32);
static_assert(kContentPathBytesMax >= kNameBytesMax);
static_assert(kRedisReplyBytesMax >
              kContentBatchMax * kContentPathBytesMax * 2);
static_assert(kRedisConnectMsMax < kRedisCallMsMax);

}  // namespace causeway
