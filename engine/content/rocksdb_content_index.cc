#include "engine/content/rocksdb_content_index.h"

#include <rocksdb/compaction_filter.h>
#include <rocksdb/db.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/options.h>
#include <rocksdb/table.h>
#include <rocksdb/write_batch.h>
#include <sys/stat.h>

#include <array>
#include <bit>
#include <cerrno>
#include <cstring>
#include <mutex>
#include <shared_mutex>
#include <vector>

#include "engine/base/assert.h"
#include "engine/base/bytes.h"
#include "engine/content/source_table.h"

namespace causeway {
namespace {

// A place is source u32 and offset u64, little-endian.
constexpr size_t kKeyBytes = kContentDigestBytes;
constexpr size_t kPlaceBytes = 12;
// The key of the sources' family that has the next number; others are u32.
constexpr const char* kNextKey = "next number";
constexpr const char* kSourcesFamily = "sources";

using PlaceBytes = std::array<char, kPlaceBytes>;

rocksdb::Slice key_of(const ContentDigest& digest) {
  return {reinterpret_cast<const char*>(digest.data()), kKeyBytes};
}

PlaceBytes pack(const ContentPlace& place) {
  static_assert(std::endian::native == std::endian::little);
  PlaceBytes bytes;
  std::memcpy(bytes.data(), &place.source, sizeof(place.source));
  std::memcpy(bytes.data() + 4, &place.offset_bytes, 8);
  return bytes;
}

// Read from a disk: what no put() has written is no place.
std::optional<ContentPlace> unpack(const rocksdb::Slice& bytes) {
  if (bytes.size() != kPlaceBytes) return std::nullopt;
  ContentPlace place;
  std::memcpy(&place.source, bytes.data(), sizeof(place.source));
  std::memcpy(&place.offset_bytes, bytes.data() + 4, 8);
  if (place.offset_bytes % kContentAlignBytes != 0 ||
      place.offset_bytes > kRegionBytesMax - kBlockBytes) {
    return std::nullopt;
  }
  return place;
}

std::span<const std::byte> bytes_of(const rocksdb::Slice& slice) {
  return std::as_bytes(std::span(slice.data(), slice.size()));
}

std::string number_of(uint32_t value) {
  ByteWriter writer;
  writer.put(value);
  const auto bytes = writer.take();
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

Status status_of(const rocksdb::Status& status, const std::string& folder) {
  if (status.ok()) return {};
  if (status.IsNoSpace()) {
    return make_error(ErrorCode::kNoSpace,
                      "The content index in {} has no more space: {}", folder,
                      status.ToString());
  }
  if (status.IsCorruption()) {
    return make_error(ErrorCode::kIo,
                      "The content index in {} is damaged: {}. Remove the "
                      "folder and index again.",
                      folder, status.ToString());
  }
  return make_error(ErrorCode::kIo, "The content index in {}: {}", folder,
                    status.ToString());
}

Status make_folder(const std::string& folder) {
  if (::mkdir(folder.c_str(), 0700) == 0 || errno == EEXIST) return {};
  return errno_error(errno, "Making the content index " + folder);
}

// Whether there is a database: RocksDB's first file.
bool has_index(const std::string& folder) {
  struct stat info {};
  return ::stat((folder + "/CURRENT").c_str(), &info) == 0;
}

// The sources. Nothing of RocksDB is called with the mutex held: a write may
// wait for a compaction, and that looks at them.
struct SharedSources {
  std::shared_mutex mutex;
  SourceTable table;
};

// Lets the places of erased sources go.
class ErasedFilter final : public rocksdb::CompactionFilter {
 public:
  explicit ErasedFilter(SharedSources& sources) : sources_(sources) {}

  const char* Name() const override { return "causeway.erased"; }
  bool Filter(int, const rocksdb::Slice&, const rocksdb::Slice& value,
              std::string*, bool*) const override {
    const auto place = unpack(value);
    if (!place) return true;
    const std::shared_lock lock(sources_.mutex);
    return !sources_.table.has(place->source);
  }

 private:
  SharedSources& sources_;
};

// How often opening to read is tried: a writer may remove a file after the
// list of files was read and before it is open, which RocksDB calls damage.
constexpr int kReadOnlyTries = 20;

rocksdb::DBOptions database_options() {
  rocksdb::DBOptions options;
  options.create_if_missing = true;
  options.create_missing_column_families = true;
  // What is left wakes one thread every 10 s, measured: its own log's timer.
  options.stats_dump_period_sec = 0;
  options.stats_persist_period_sec = 0;
  options.info_log_level = rocksdb::InfoLogLevel::ERROR_LEVEL;
  options.keep_log_file_num = 2;
  options.max_open_files = -1;  // their filters stay in memory
  options.max_background_jobs = 2;
  options.avoid_flush_during_shutdown = false;
  return options;
}

rocksdb::ColumnFamilyOptions places_options(
    const RocksDbContentOptions& options, const ErasedFilter& filter) {
  rocksdb::ColumnFamilyOptions family;
  rocksdb::BlockBasedTableOptions table;
  // Most that is asked for is not there: a filter answers without the disk. 10
  // bits a block let 1 % through.
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10, false));
  table.data_block_index_type =
      rocksdb::BlockBasedTableOptions::kDataBlockBinaryAndHash;
  table.block_cache = rocksdb::NewLRUCache(options.cache_bytes);
  family.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  family.compression = rocksdb::kNoCompression;  // digests do not compress
  family.write_buffer_size = options.buffer_bytes;
  family.compaction_filter = &filter;
  return family;
}

}  // namespace

struct RocksDbContentIndex::Impl {
  explicit Impl(std::string name) : folder(std::move(name)), filter(sources) {}
  ~Impl() {
    for (auto* family : {places, others}) {
      if (family != nullptr) (void)db->DestroyColumnFamilyHandle(family);
    }
  }

  using Families = std::vector<rocksdb::ColumnFamilyDescriptor>;

  Status open(const RocksDbContentOptions& options);
  Status open_to_read(const Families& families);
  Status open_to_write(const Families& families);
  rocksdb::Status take(const rocksdb::Status& status);
  Status check_writable() const;
  Status load_sources();
  Status load_source(const rocksdb::Slice& key, const rocksdb::Slice& value);
  uint64_t property(const std::string& name) const;
  Status space_left() const;

  std::string folder;
  uint64_t disk_bytes_max = 0;
  ContentAccess access = ContentAccess::kReadOnly;
  std::mutex changing;  // of sources: one at a time, on the disk first
  SharedSources sources;
  ErasedFilter filter;
  std::unique_ptr<rocksdb::DB> db;  // before what its threads use goes
  rocksdb::ColumnFamilyHandle* places = nullptr;  // the default family
  rocksdb::ColumnFamilyHandle* others = nullptr;  // the sources
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  rocksdb::DB* opened = nullptr;
};

Status RocksDbContentIndex::Impl::open(const RocksDbContentOptions& options) {
  disk_bytes_max = options.disk_bytes_max;
  access = options.access;
  const Families families{
      {rocksdb::kDefaultColumnFamilyName, places_options(options, filter)},
      {kSourcesFamily, {}}};
  if (access == ContentAccess::kReadOnly) {
    CAUSEWAY_TRY(open_to_read(families));
  } else {
    CAUSEWAY_TRY(open_to_write(families));
  }
  return load_sources();
}

Status RocksDbContentIndex::Impl::open_to_read(const Families& families) {
  if (!has_index(folder)) {
    return make_error(ErrorCode::kNotFound, "There is no content index in {}.",
                      folder);
  }
  rocksdb::Status status;
  for (int tries = 0; tries < kReadOnlyTries; ++tries) {
    status = take(rocksdb::DB::OpenForReadOnly(database_options(), folder,
                                               families, &handles, &opened));
    if (!status.IsIOError() && !status.IsCorruption()) break;
  }
  return status_of(status, folder);
}

Status RocksDbContentIndex::Impl::open_to_write(const Families& families) {
  CAUSEWAY_TRY(make_folder(folder));
  const rocksdb::Status status = take(rocksdb::DB::Open(
      database_options(), folder, families, &handles, &opened));
  if (status.IsIOError() &&
      status.ToString().find("lock ") != std::string::npos) {
    return make_error(ErrorCode::kAlreadyExists,
                      "The content index in {} is being written by another "
                      "process: {}",
                      folder, status.ToString());
  }
  return status_of(status, folder);
}

// What an Open() has left in `opened` and `handles` is ours.
rocksdb::Status RocksDbContentIndex::Impl::take(const rocksdb::Status& status) {
  if (!status.ok()) return status;
  db.reset(opened);
  places = handles[0];
  others = handles[1];
  return status;
}

Status RocksDbContentIndex::Impl::check_writable() const {
  if (access == ContentAccess::kReadWrite) return {};
  return make_error(ErrorCode::kPermission,
                    "The content index in {} was opened to be read.", folder);
}

Status RocksDbContentIndex::Impl::load_sources() {
  const std::unique_ptr<rocksdb::Iterator> at(
      db->NewIterator(rocksdb::ReadOptions(), others));
  for (at->SeekToFirst(); at->Valid(); at->Next()) {
    CAUSEWAY_TRY(load_source(at->key(), at->value()));
  }
  return status_of(at->status(), folder);
}

Status RocksDbContentIndex::Impl::load_source(const rocksdb::Slice& key,
                                              const rocksdb::Slice& value) {
  const bool is_next = key == kNextKey;
  ByteReader reader(bytes_of(is_next ? value : key));
  const auto id = reader.get<ContentSourceId>();
  if (!reader.finished() || id == 0) {
    return make_error(ErrorCode::kIo,
                      "The content index in {} is damaged: its sources have a "
                      "key of {} bytes. Remove the folder and index again.",
                      folder, key.size());
  }
  if (is_next) {
    sources.table.skip_to(id);
    return {};
  }
  auto source = decode_source(bytes_of(value));
  if (!source) {
    return make_error(ErrorCode::kIo,
                      "The content index in {} is damaged: {} Remove the "
                      "folder and index again.",
                      folder, source.error().message);
  }
  sources.table.add(id, *source);
  return {};
}

uint64_t RocksDbContentIndex::Impl::property(const std::string& name) const {
  uint64_t value = 0;
  return db->GetIntProperty(places, name, &value) ? value : 0;
}

Status RocksDbContentIndex::Impl::space_left() const {
  const uint64_t used = property(rocksdb::DB::Properties::kTotalSstFilesSize);
  if (used < disk_bytes_max) return {};
  return make_error(ErrorCode::kNoSpace,
                    "The content index in {} takes {} bytes, and {} is its "
                    "limit: drop some sources.",
                    folder, used, disk_bytes_max);
}

RocksDbContentIndex::RocksDbContentIndex(std::unique_ptr<Impl> impl)
    : impl_(std::move(impl)) {}
RocksDbContentIndex::~RocksDbContentIndex() = default;

Result<std::unique_ptr<RocksDbContentIndex>> RocksDbContentIndex::open(
    const std::string& folder, const RocksDbContentOptions& options) {
  auto impl = std::make_unique<Impl>(folder);
  CAUSEWAY_TRY(impl->open(options));
  return std::unique_ptr<RocksDbContentIndex>(
      new RocksDbContentIndex(std::move(impl)));
}

Result<ContentSourceId> RocksDbContentIndex::add_source(
    const ContentSource& source) {
  CAUSEWAY_TRY(impl_->check_writable());
  const std::scoped_lock one(impl_->changing);
  // Only who has `changing` changes it: reading needs no more.
  SourceTable& table = impl_->sources.table;
  if (const auto id = table.find(source)) return *id;
  CAUSEWAY_TRY(table.check_new(source));
  const ContentSourceId id = table.next();
  const auto bytes = encode_source(source);
  rocksdb::WriteBatch batch;
  batch.Put(impl_->others, number_of(id),
            rocksdb::Slice(reinterpret_cast<const char*>(bytes.data()),
                           bytes.size()));
  batch.Put(impl_->others, kNextKey, number_of(id + 1));
  CAUSEWAY_TRY(status_of(impl_->db->Write({}, &batch), impl_->folder));
  const std::unique_lock lock(impl_->sources.mutex);
  table.add(id, source);
  return id;
}

Result<ContentSource> RocksDbContentIndex::source(ContentSourceId id) {
  const std::shared_lock lock(impl_->sources.mutex);
  return impl_->sources.table.at(id);
}

Status RocksDbContentIndex::put(std::span<const ContentEntry> entries) {
  CAUSEWAY_TRY(impl_->check_writable());
  {
    const std::shared_lock lock(impl_->sources.mutex);
    CAUSEWAY_TRY(impl_->sources.table.check(entries));
  }
  CAUSEWAY_TRY(impl_->space_left());
  rocksdb::WriteBatch batch;
  for (const ContentEntry& entry : entries) {
    const PlaceBytes place = pack(entry.place);
    batch.Put(impl_->places, key_of(entry.digest),
              rocksdb::Slice(place.data(), place.size()));
  }
  return status_of(impl_->db->Write({}, &batch), impl_->folder);
}

Status RocksDbContentIndex::find(
    std::span<const ContentDigest> digests,
    std::span<std::optional<ContentPlace>> places) {
  CAUSEWAY_ASSERT(digests.size() <= kContentBatchMax);
  CAUSEWAY_ASSERT(places.size() == digests.size());
  std::vector<rocksdb::Slice> keys;
  keys.reserve(digests.size());
  for (const ContentDigest& digest : digests) keys.push_back(key_of(digest));
  std::vector<rocksdb::PinnableSlice> values(keys.size());
  std::vector<rocksdb::Status> found(keys.size());
  impl_->db->MultiGet({}, impl_->places, keys.size(), keys.data(),
                      values.data(), found.data());
  const std::shared_lock lock(impl_->sources.mutex);
  Status status;
  for (size_t i = 0; i < keys.size(); ++i) {
    places[i].reset();
    if (found[i].ok()) {
      places[i] = unpack(values[i]);
      if (places[i] && !impl_->sources.table.has(places[i]->source)) {
        places[i].reset();
      }
    } else if (!found[i].IsNotFound()) {
      status = status_of(found[i], impl_->folder);
    }
  }
  return status;
}

Status RocksDbContentIndex::erase(ContentSourceId id) {
  CAUSEWAY_TRY(impl_->check_writable());
  const std::scoped_lock one(impl_->changing);
  SourceTable& table = impl_->sources.table;
  if (!table.has(id)) return table.at(id).error();
  CAUSEWAY_TRY(status_of(impl_->db->Delete({}, impl_->others, number_of(id)),
                         impl_->folder));
  const std::unique_lock lock(impl_->sources.mutex);
  table.remove(id);
  return {};
}

Result<ContentIndexStats> RocksDbContentIndex::stats() {
  using Properties = rocksdb::DB::Properties;
  ContentIndexStats stats;
  {
    const std::shared_lock lock(impl_->sources.mutex);
    stats.sources = impl_->sources.table.size();
  }
  stats.blocks = impl_->property(Properties::kEstimateNumKeys);
  stats.memory_bytes = impl_->property(Properties::kEstimateTableReadersMem) +
                       impl_->property(Properties::kCurSizeAllMemTables) +
                       impl_->property(Properties::kBlockCacheUsage);
  stats.disk_bytes = impl_->property(Properties::kTotalSstFilesSize);
  return stats;
}

Status RocksDbContentIndex::compact() {
  CAUSEWAY_TRY(impl_->check_writable());
  rocksdb::CompactRangeOptions options;
  options.bottommost_level_compaction =
      rocksdb::BottommostLevelCompaction::kForce;
  return status_of(
      impl_->db->CompactRange(options, impl_->places, nullptr, nullptr),
      impl_->folder);
}

}  // namespace causeway
