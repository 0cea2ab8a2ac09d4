// RocksDbContentIndex: a ContentStore in a folder of its own, by RocksDB: the
// embedded default. Outlives the process; what was put in the seconds before a
// host lost its power may be forgotten.
//
// A column family of places, keyed by the digest, and one of sources. Erasing
// drops the source alone; its places are no longer found, and leave the disk
// when RocksDB next compacts them. Memory: kept tables' filters and indexes,
// some 1.6 bytes a block, and what open() is told.
//
// RocksDB has threads of its own, which write and compact. One process at a
// time has the folder open to write. Those that read need no lock: they keep
// the files that were there open, so that a writer may remove them, and a
// killed one leaves nothing behind.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "engine/content/content_store.h"

namespace causeway {

struct RocksDbContentOptions {
  ContentAccess access = ContentAccess::kReadWrite;
  // To write: what is put gathers in memory until there is a file of it, or
  // something is asked; what is not flushed dies with the process. Several
  // times as fast (README.md).
  bool bulk = false;
  uint64_t cache_bytes = 64u << 20;   // blocks of places, read again and again
  uint64_t buffer_bytes = 32u << 20;  // of what is not yet on the disk; twice
  // Of places: 1 TiB of content has some 10 GiB. What is being compacted is
  // there twice for a while.
  uint64_t disk_bytes_max = 64ull << 30;
};

class RocksDbContentIndex final : public ContentStore {
 public:
  // To write: makes the folder (0700), not its parents (kNotFound);
  // kAlreadyExists: another process, or this one, writes it. To read:
  // kNotFound. kIo: damaged or not readable, with what to do.
  static Result<std::unique_ptr<RocksDbContentIndex>> open(
      const std::string& folder, const RocksDbContentOptions& options = {});
  ~RocksDbContentIndex() override;

  Result<ContentSourceId> add_source(const ContentSource& source) override;
  Result<ContentSource> source(ContentSourceId id) override;
  // kNoSpace: disk_bytes_max, or the disk.
  Status put(std::span<const ContentEntry> entries) override;
  Status find(std::span<const ContentDigest> digests,
              std::span<std::optional<ContentPlace>> places) override;
  Status erase(ContentSourceId id) override;
  // Blocks are RocksDB's estimate, with those of erased sources that are not
  // compacted yet.
  Result<ContentIndexStats> stats() override;

  Result<std::vector<KeptSource>> sources() override;
  Status note(ContentSourceId id, std::span<const std::byte> note) override;
  Status scan(uint32_t part, uint32_t count,
              std::vector<ContentEntry>* entries) override;
  Status flush() override;
  Status compact() override;

 private:
  struct Impl;
  explicit RocksDbContentIndex(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace causeway
