#include "engine/content/rocksdb_content_index.h"

#include <rocksdb/compaction_filter.h>
#include <rocksdb/db.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/options.h>
#include <rocksdb/sst_file_writer.h>
#include <rocksdb/table.h>
#include <rocksdb/write_batch.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cstring>
#include <map>
#include <mutex>
#include <shared_mutex>
#include <vector>

#include "engine/base/assert.h"
#include "engine/base/bytes.h"
#include "engine/content/gathered_places.h"
#include "engine/content/source_table.h"

namespace causeway {
namespace {

// A place is source u32 and offset u64, little-endian.
constexpr size_t kKeyBytes = kContentDigestBytes;
constexpr size_t kPlaceBytes = 12;
// The key of the sources' family that has the next number; others are u32, for
// a source, and kNoteKey and u32, for its note.
constexpr const char* kNextKey = "next number";
constexpr char kNoteKey = 'n';
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
  if (!check_offset(place.offset_bytes)) return std::nullopt;
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

std::string note_key_of(ContentSourceId id) { return kNoteKey + number_of(id); }

// The first key of a part, as digests are ordered in bytes.
std::string part_key(uint32_t part) {
  const uint32_t bits = part << (24 - kContentPartBits);
  return {static_cast<char>(bits >> 16), static_cast<char>(bits >> 8),
          static_cast<char>(bits)};
}

Error damaged(const std::string& folder, const std::string& how) {
  return make_error(ErrorCode::kIo,
                    "The content index in {} is damaged: {} Remove the folder "
                    "and index again.",
                    folder, how);
}

Status status_of(const rocksdb::Status& status, const std::string& folder) {
  if (status.ok()) return {};
  if (status.IsNoSpace()) {
    return make_error(ErrorCode::kNoSpace,
                      "The content index in {} has no more space: {}", folder,
                      status.ToString());
  }
  if (status.IsCorruption()) {
    return damaged(folder, status.ToString() + ".");
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
  // Files of what was gathered overlap all others, so that a merge takes all of
  // them: with 8 (32 GiB of content) half as many merges as with 4. Each costs
  // a name that is not there one more look into a filter.
  family.level0_file_num_compaction_trigger = 8;
  return family;
}

}  // namespace

struct RocksDbContentIndex::Impl {
  explicit Impl(std::string name) : folder(std::move(name)), filter(sources) {}
  ~Impl() {
    if (db && bulk) (void)write_gathered(false);
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
  Status gather(std::span<const ContentEntry> entries);
  // What is gathered, if there is that much of it, or any of it.
  Status write_gathered(bool only_if_full);
  Status write_file(const std::string& path);
  Status load_sources();
  Status load_source(const rocksdb::Slice& key, const rocksdb::Slice& value);
  uint64_t property(const std::string& name) const;
  Status space_left() const;

  std::string folder;
  uint64_t disk_bytes_max = 0;
  ContentAccess access = ContentAccess::kReadOnly;
  bool bulk = false;
  std::mutex writing;    // of a file of what was gathered: one after another
  std::mutex gathering;  // of what gathers; after `writing`
  GatheredPlaces gathered;
  GatheredPlaces full;  // by `writing`
  std::mutex changing;  // of sources: one at a time, on the disk first
  SharedSources sources;
  std::map<ContentSourceId, std::vector<std::byte>> notes;  // by `changing`
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
  bulk = options.bulk && access == ContentAccess::kReadWrite;
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
  const bool is_note = key.size() == 5 && key[0] == kNoteKey;
  ByteReader reader(bytes_of(is_next ? value : key).subspan(is_note ? 1 : 0));
  const auto id = reader.get<ContentSourceId>();
  if (!reader.finished() || id == 0) {
    return damaged(
        folder, fmt::format("its sources have a key of {} bytes.", key.size()));
  }
  if (is_next) {
    sources.table.skip_to(id);
    return {};
  }
  if (is_note) {
    const auto note = bytes_of(value);
    notes[id].assign(note.begin(), note.end());
    return {};
  }
  auto source = decode_source(bytes_of(value));
  if (!source) return damaged(folder, source.error().message);
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

Status RocksDbContentIndex::Impl::gather(
    std::span<const ContentEntry> entries) {
  bool is_full = false;
  {
    const std::scoped_lock lock(gathering);
    gathered.add(entries);
    is_full = gathered.is_full();
  }
  return is_full ? write_gathered(true) : Status();
}

// Files come to the database in the order in which their entries were put:
// `writing` is held from before they are taken.
Status RocksDbContentIndex::Impl::write_gathered(bool only_if_full) {
  if (!bulk) return {};
  const std::scoped_lock one(writing);
  {
    const std::scoped_lock lock(gathering);
    if (gathered.is_empty() || (only_if_full && !gathered.is_full())) return {};
    std::swap(gathered, full);
  }
  const std::string path = folder + "/gathered.sst";
  const Status status = write_file(path);
  full.clear();
  // Taken into the database it has another name.
  if (!status) (void)::unlink(path.c_str());
  return status;
}

Status RocksDbContentIndex::Impl::write_file(const std::string& path) {
  CAUSEWAY_TRY(space_left());
  rocksdb::SstFileWriter writer(rocksdb::EnvOptions(), db->GetOptions(places),
                                places);
  rocksdb::Status status = writer.Open(path);
  for (const GatheredPlaces::Entry& entry : full.sort()) {
    if (!status.ok()) break;
    const ContentDigest digest = GatheredPlaces::digest_of(entry);
    const PlaceBytes place = pack(entry.place);
    status =
        writer.Put(key_of(digest), rocksdb::Slice(place.data(), place.size()));
  }
  if (status.ok()) status = writer.Finish();
  CAUSEWAY_TRY(status_of(status, folder));
  rocksdb::IngestExternalFileOptions options;
  options.move_files = true;
  options.snapshot_consistency = false;
  return status_of(db->IngestExternalFile(places, {path}, options), folder);
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
  if (impl_->bulk) return impl_->gather(entries);
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
  CAUSEWAY_TRY(impl_->write_gathered(false));
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
  rocksdb::WriteBatch batch;
  batch.Delete(impl_->others, number_of(id));
  batch.Delete(impl_->others, note_key_of(id));
  CAUSEWAY_TRY(status_of(impl_->db->Write({}, &batch), impl_->folder));
  impl_->notes.erase(id);
  const std::unique_lock lock(impl_->sources.mutex);
  table.remove(id);
  return {};
}

Result<ContentIndexStats> RocksDbContentIndex::stats() {
  using Properties = rocksdb::DB::Properties;
  CAUSEWAY_TRY(impl_->write_gathered(false));
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

Result<std::vector<KeptSource>> RocksDbContentIndex::sources() {
  const std::scoped_lock one(impl_->changing);
  std::vector<KeptSource> sources;
  for (const auto& [id, source] : impl_->sources.table.all()) {
    const auto note = impl_->notes.find(id);
    sources.push_back(
        {id, source,
         note == impl_->notes.end() ? std::vector<std::byte>() : note->second});
  }
  std::ranges::sort(sources, {}, &KeptSource::id);
  return sources;
}

Status RocksDbContentIndex::note(ContentSourceId id,
                                 std::span<const std::byte> note) {
  CAUSEWAY_ASSERT(note.size() <= kContentNoteBytesMax);
  CAUSEWAY_TRY(impl_->check_writable());
  const std::scoped_lock one(impl_->changing);
  if (!impl_->sources.table.has(id)) return impl_->sources.table.at(id).error();
  const rocksdb::Slice value(reinterpret_cast<const char*>(note.data()),
                             note.size());
  CAUSEWAY_TRY(
      status_of(impl_->db->Put({}, impl_->others, note_key_of(id), value),
                impl_->folder));
  impl_->notes[id].assign(note.begin(), note.end());
  return {};
}

Status RocksDbContentIndex::scan(uint32_t part, uint32_t count,
                                 std::vector<ContentEntry>* entries) {
  CAUSEWAY_ASSERT(count >= 1 && count <= kContentParts &&
                  part <= kContentParts - count);
  CAUSEWAY_TRY(impl_->write_gathered(false));
  const std::string end_key = part_key(part + count);
  const rocksdb::Slice end(end_key);
  rocksdb::ReadOptions options;
  options.fill_cache = false;  // each is read once
  if (part + count < kContentParts) options.iterate_upper_bound = &end;
  const std::unique_ptr<rocksdb::Iterator> at(
      impl_->db->NewIterator(options, impl_->places));
  for (at->Seek(part_key(part)); at->Valid(); at->Next()) {
    const auto place = unpack(at->value());
    if (!place || at->key().size() != kKeyBytes) continue;
    const std::shared_lock lock(impl_->sources.mutex);
    if (!impl_->sources.table.has(place->source)) continue;
    ContentEntry& entry = entries->emplace_back();
    std::memcpy(entry.digest.data(), at->key().data(), kKeyBytes);
    entry.place = *place;
  }
  return status_of(at->status(), impl_->folder);
}

Status RocksDbContentIndex::flush() {
  CAUSEWAY_TRY(impl_->check_writable());
  CAUSEWAY_TRY(impl_->write_gathered(false));
  return status_of(impl_->db->Flush({}, {impl_->places, impl_->others}),
                   impl_->folder);
}

Status RocksDbContentIndex::compact() {
  CAUSEWAY_TRY(impl_->check_writable());
  CAUSEWAY_TRY(impl_->write_gathered(false));
  rocksdb::CompactRangeOptions options;
  options.bottommost_level_compaction =
      rocksdb::BottommostLevelCompaction::kForce;
  return status_of(
      impl_->db->CompactRange(options, impl_->places, nullptr, nullptr),
      impl_->folder);
}

}  // namespace causeway
