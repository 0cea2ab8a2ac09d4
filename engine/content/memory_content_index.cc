#include "engine/content/memory_content_index.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <mutex>

#include "engine/base/assert.h"

namespace causeway {
namespace {

uint64_t word_of(const ContentDigest& digest) {
  uint64_t word = 0;
  static_assert(sizeof(word) == sizeof(digest));
  std::memcpy(&word, digest.data(), sizeof(word));
  return word;
}

// All bits depend on all bits (Steele et al., "Fast splittable pseudorandom
// number generators", 2014: the mixer).
uint64_t stirred(uint64_t word) {
  word = (word ^ word >> 30) * 0xbf58476d1ce4e5b9;
  word = (word ^ word >> 27) * 0x94d049bb133111eb;
  return word ^ word >> 31;
}

// Even over [0, count), from a word that is even over all its values (Lemire,
// "Fast random integer generation in an interval", 2019).
uint64_t scaled(uint64_t word, uint64_t count) {
  return static_cast<uint64_t>(static_cast<unsigned __int128>(word) * count >>
                               64);
}

uint64_t chunk_key(ContentSourceId source, uint32_t number) {
  return static_cast<uint64_t>(source) << 32 | number;
}

}  // namespace

void MemoryContentIndex::Free::operator()(void* memory) const {
  std::free(memory);
}

// calloc'd: what is never used stays untouched pages of zeros.
MemoryContentIndex::MemoryContentIndex(uint64_t table_bytes_max)
    : buckets_(std::max<uint64_t>(table_bytes_max / sizeof(Bucket), 1)),
      memory_(std::calloc(buckets_ + 1, sizeof(Bucket))) {
  CAUSEWAY_ASSERT(memory_ != nullptr);
  void* at = memory_.get();
  size_t bytes = (buckets_ + 1) * sizeof(Bucket);
  at = std::align(sizeof(Bucket), buckets_ * sizeof(Bucket), at, bytes);
  CAUSEWAY_ASSERT(at != nullptr);
  table_ = static_cast<Bucket*>(at);
}

Result<ContentSourceId> MemoryContentIndex::add_source(
    const ContentSource& source) {
  const std::unique_lock lock(mutex_);
  if (const auto id = sources_.find(source)) return *id;
  CAUSEWAY_TRY(sources_.check_new(source));
  const ContentSourceId id = sources_.next();
  sources_.add(id, source);
  return id;
}

Result<ContentSource> MemoryContentIndex::source(ContentSourceId id) {
  const std::shared_lock lock(mutex_);
  return sources_.at(id);
}

// The first bucket and the fingerprint are of different halves of the digest;
// the second bucket is all of it, stirred.
MemoryContentIndex::Spot MemoryContentIndex::spot_of(
    const ContentDigest& digest) const {
  const uint64_t word = word_of(digest);
  return {.first = &table_[scaled(word, buckets_)],
          .second = &table_[scaled(stirred(word), buckets_)],
          .fingerprint = static_cast<uint32_t>(word)};
}

// The place of that fingerprint, or nullptr.
uint32_t* MemoryContentIndex::find_in(Bucket& bucket, uint32_t fingerprint) {
  for (size_t way = 0; way < kWays; ++way) {
    if (bucket.fingerprints[way] == fingerprint && bucket.places[way] != 0) {
      return &bucket.places[way];
    }
  }
  return nullptr;
}

void MemoryContentIndex::store(const Spot& spot, uint32_t place) {
  for (Bucket* bucket : {spot.first, spot.second}) {
    if (uint32_t* known = find_in(*bucket, spot.fingerprint)) {
      *known = place;
      return;
    }
  }
  const auto free_ways = [](const Bucket& bucket) {
    return std::count(bucket.places.begin(), bucket.places.end(), 0u);
  };
  const auto first_free = free_ways(*spot.first);
  const auto second_free = free_ways(*spot.second);
  Bucket& bucket = first_free >= second_free ? *spot.first : *spot.second;
  size_t way = victim_++ % kWays;
  if (first_free + second_free > 0) {
    way = std::find(bucket.places.begin(), bucket.places.end(), 0u) -
          bucket.places.begin();
    ++blocks_;
  }
  bucket.fingerprints[way] = spot.fingerprint;
  bucket.places[way] = place;
}

Result<uint32_t> MemoryContentIndex::pack(const ContentPlace& place) {
  const uint64_t sector = place.offset_bytes / kContentAlignBytes;
  const auto number = static_cast<uint32_t>(sector / kContentSectorsPerChunk);
  const auto [found, is_new] =
      chunk_of_.try_emplace(chunk_key(place.source, number), 0);
  if (is_new) {
    if (free_chunks_.empty() && chunks_.size() == kContentChunksMax) {
      chunk_of_.erase(found);
      return make_error(ErrorCode::kNoSpace,
                        "The content index in memory has content in {} chunks "
                        "of {} bytes, its limit: drop some sources.",
                        kContentChunksMax, kContentChunkBytes);
    }
    if (free_chunks_.empty()) {
      free_chunks_.push_back(static_cast<uint32_t>(chunks_.size()));
      chunks_.emplace_back();
    }
    found->second = free_chunks_.back();
    free_chunks_.pop_back();
    chunks_[found->second] = {place.source, number};
  }
  return found->second * kContentSectorsPerChunk +
         static_cast<uint32_t>(sector % kContentSectorsPerChunk) + 1;
}

ContentPlace MemoryContentIndex::unpack(uint32_t place) const {
  const uint32_t sector = place - 1;
  const Chunk& chunk = chunks_[sector / kContentSectorsPerChunk];
  CAUSEWAY_ASSERT(chunk.source != 0);
  return {
      .source = chunk.source,
      .offset_bytes = chunk.number * kContentChunkBytes +
                      sector % kContentSectorsPerChunk * kContentAlignBytes};
}

Status MemoryContentIndex::put(std::span<const ContentEntry> entries) {
  const std::unique_lock lock(mutex_);
  CAUSEWAY_TRY(sources_.check(entries));
  // The lines of all come from memory at once.
  for (const ContentEntry& entry : entries) {
    const Spot spot = spot_of(entry.digest);
    __builtin_prefetch(spot.first, 1);
    __builtin_prefetch(spot.second, 1);
  }
  Status status;
  for (const ContentEntry& entry : entries) {
    auto place = pack(entry.place);
    if (place) {
      store(spot_of(entry.digest), *place);
    } else {
      status = std::move(place).error();
    }
  }
  return status;
}

Status MemoryContentIndex::find(std::span<const ContentDigest> digests,
                                std::span<std::optional<ContentPlace>> places) {
  CAUSEWAY_ASSERT(digests.size() <= kContentBatchMax);
  CAUSEWAY_ASSERT(places.size() == digests.size());
  const std::shared_lock lock(mutex_);
  for (const ContentDigest& digest : digests) {
    const Spot spot = spot_of(digest);
    __builtin_prefetch(spot.first);
    __builtin_prefetch(spot.second);
  }
  for (size_t i = 0; i < digests.size(); ++i) {
    const Spot spot = spot_of(digests[i]);
    const uint32_t* place = find_in(*spot.first, spot.fingerprint);
    if (place == nullptr) place = find_in(*spot.second, spot.fingerprint);
    places[i].reset();
    if (place != nullptr) places[i] = unpack(*place);
  }
  return {};
}

Status MemoryContentIndex::erase(ContentSourceId id) {
  const std::unique_lock lock(mutex_);
  if (!sources_.has(id)) return sources_.at(id).error();
  for (uint64_t i = 0; i < buckets_; ++i) {
    for (uint32_t& place : table_[i].places) {
      if (place == 0 || unpack(place).source != id) continue;
      place = 0;
      --blocks_;
    }
  }
  for (uint32_t chunk = 0; chunk < chunks_.size(); ++chunk) {
    if (chunks_[chunk].source != id) continue;
    chunk_of_.erase(chunk_key(id, chunks_[chunk].number));
    chunks_[chunk] = {};
    free_chunks_.push_back(chunk);
  }
  sources_.remove(id);
  return {};
}

Result<ContentIndexStats> MemoryContentIndex::stats() {
  const std::shared_lock lock(mutex_);
  return ContentIndexStats{.blocks = blocks_,
                           .sources = sources_.size(),
                           .memory_bytes = buckets_ * sizeof(Bucket),
                           .disk_bytes = 0};
}

}  // namespace causeway
