// MemoryContentIndex: a ContentIndex in a table of fixed size: what came
// earlier in a run, or where there is no disk to keep more.
//
// A bucket is a cache line of eight fingerprints and eight places, 32 bits
// each. A digest may be in either of two buckets and goes into the emptier, so
// that the table fills evenly; where both are full it takes an older one's way.
// It is sized for six of eight ways in use: 10.7 bytes a block. At seven (9.2)
// one of 300 was forgotten, measured.
//
// Of a digest no more is kept than the bucket and 32 bits: one in 2^28 unknown
// digests is taken for a known one, which costs a read and the bytes of a
// block. Source: Azar et al., "Balanced allocations", 1994 (two choices); Fan
// et al., "Cuckoo filter", 2014 (buckets and fingerprints).
//
// find() locks out put() and erase(), not others that find.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <shared_mutex>
#include <unordered_map>
#include <vector>

#include "engine/content/content_index.h"
#include "engine/content/source_table.h"

namespace causeway {

class MemoryContentIndex final : public ContentIndex {
 public:
  // The table in all, at most; touched as it is used. Sources and their chunks
  // (limits.h) come on top, 60 bytes for each 16 MiB that has content.
  explicit MemoryContentIndex(uint64_t table_bytes_max);

  Result<ContentSourceId> add_source(const ContentSource& source) override;
  Result<ContentSource> source(ContentSourceId id) override;
  // kNoSpace: kContentChunksMax; what comes in known chunks is put.
  Status put(std::span<const ContentEntry> entries) override;
  Status find(std::span<const ContentDigest> digests,
              std::span<std::optional<ContentPlace>> places) override;
  // Looks through the whole table, at some GB/s.
  Status erase(ContentSourceId id) override;
  Result<ContentIndexStats> stats() override;

  // What it is sized for; it holds some more, but forgets then.
  uint64_t blocks_max() const { return buckets_ * kWays / 8 * 6; }

 private:
  static constexpr size_t kWays = 8;
  // All zero is an empty one: calloc makes it.
  struct Bucket {
    std::array<uint32_t, kWays> fingerprints;
    std::array<uint32_t, kWays> places;  // 0: free; else sector + 1
  };
  static_assert(sizeof(Bucket) == 64);
  // Where a digest may be.
  struct Spot {
    Bucket* first;
    Bucket* second;
    uint32_t fingerprint;
  };
  struct Chunk {
    ContentSourceId source = 0;  // 0: free
    uint32_t number = 0;         // in its source
  };
  struct Free {
    void operator()(void* memory) const;
  };

  Spot spot_of(const ContentDigest& digest) const;
  static uint32_t* find_in(Bucket& bucket, uint32_t fingerprint);
  void store(const Spot& spot, uint32_t place);
  Result<uint32_t> pack(const ContentPlace& place);
  ContentPlace unpack(uint32_t place) const;

  std::shared_mutex mutex_;
  SourceTable sources_;
  std::vector<Chunk> chunks_;
  std::vector<uint32_t> free_chunks_;
  std::unordered_map<uint64_t, uint32_t> chunk_of_;  // by source and number
  uint64_t buckets_;
  std::unique_ptr<void, Free> memory_;
  Bucket* table_;  // in it, at a cache line
  uint64_t blocks_ = 0;
  uint32_t victim_ = 0;
};

}  // namespace causeway
