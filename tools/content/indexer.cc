#include "tools/content/indexer.h"

#include <algorithm>
#include <utility>

#include "engine/base/assert.h"
#include "engine/base/stop_point.h"
#include "engine/content/limits.h"
#include "tools/content/index_worker.h"

namespace causeway {
namespace {

// What a worker takes at a time: one call of the index.
constexpr uint64_t kChunkBytes = kContentBatchMax * kBlockBytes;

uint64_t whole_blocks(uint64_t bytes) {
  return bytes / kBlockBytes * kBlockBytes;
}

Result<uint64_t> size_of(const std::string& path) {
  CAUSEWAY_ASSIGN(const SourceFile file, SourceFile::open(path));
  return file.size_bytes();
}

}  // namespace

// A file that is being indexed. All but `source` is under the indexer's lock.
struct Indexer::File {
  explicit File(SourceFile opened)
      : source(std::move(opened)), end(whole_blocks(source.size_bytes())) {}

  bool is_finished() const { return cursor == end && in_flight.empty(); }
  // All before it is in the index, or has nothing to be put.
  uint64_t done_bytes() const {
    if (is_finished()) return source.size_bytes();
    return in_flight.empty() ? cursor : std::ranges::min(in_flight);
  }
  IndexRecord* record_of(const ContentDigest& domain) {
    const auto found = std::ranges::find(records, domain, &IndexRecord::domain);
    return found == records.end() ? nullptr : &*found;
  }

  const SourceFile source;
  ContentSourceId id = 0;
  bool noted_badly = false;
  std::vector<IndexRecord> records;  // as they were found
  const uint64_t end;
  uint64_t cursor = 0;              // what is claimed ends here
  std::vector<uint64_t> in_flight;  // where claimed chunks begin
};

Indexer::Indexer(ContentStore& store, const ContentKey& key,
                 const IndexerOptions& options)
    : store_(store), key_(key), options_(options) {}

Indexer::~Indexer() { stop(); }

Result<std::unique_ptr<Indexer>> Indexer::create(
    ContentStore& store, const ContentKey& key, const IndexerOptions& options) {
  CAUSEWAY_ASSERT(options.workers >= 1);
  std::unique_ptr<Indexer> indexer(new Indexer(store, key, options));
  CAUSEWAY_ASSIGN(indexer->domain_, domain_name(key, options.pieces));
  CAUSEWAY_TRY(indexer->load_sources());
  return indexer;
}

Status Indexer::load_sources() {
  CAUSEWAY_ASSIGN(auto sources, store_.sources());
  for (KeptSource& kept : sources) {
    if (kept.source.kind != ContentKind::kFile) continue;
    std::string path = kept.source.name;
    known_.emplace(std::move(path), std::move(kept));
  }
  return {};
}

Status Indexer::start(std::vector<std::string> files) {
  CAUSEWAY_ASSERT(threads_.empty());
  paths_ = std::move(files);
  for (const std::string& path : paths_) {
    const auto bytes = size_of(path);
    if (bytes) progress_.total_bytes += *bytes;
  }
  std::vector<ContentIdentity> identities;
  for (unsigned i = 0; i < options_.workers; ++i) {
    CAUSEWAY_ASSIGN(auto identity, ContentIdentity::create(key_));
    identities.push_back(std::move(identity));
  }
  working_ = options_.workers;
  for (ContentIdentity& identity : identities) {
    threads_.emplace_back(
        [this, it = std::move(identity)]() mutable { work(std::move(it)); });
  }
  return {};
}

void Indexer::work(ContentIdentity identity) {
  IndexWorker worker(store_, std::move(identity), options_.pieces, domain_);
  while (const auto chunk = claim()) {
    const auto done = worker.index(
        {&chunk->file->source, chunk->file->id, chunk->begin, chunk->end});
    if (!done) {
      fail(done.error());
      break;
    }
    finish(*chunk, done->put_blocks * kBlockBytes,
           done->zero_blocks * kBlockBytes);
    stop_point("index.chunk");
  }
  const std::scoped_lock lock(mutex_);
  if (--working_ == 0) ended_.notify_all();
}

std::optional<Indexer::Chunk> Indexer::claim() {
  const std::scoped_lock lock(mutex_);
  while (!stopping_ && !error_) {
    if (!files_.empty()) {
      if (const auto chunk = claim_of(*files_.back())) return chunk;
    }
    if (next_path_ == paths_.size()) break;
    if (const Status opened = open_next_file(); !opened) {
      error_ = opened.error();
    }
  }
  return std::nullopt;
}

// Passes over holes.
std::optional<Indexer::Chunk> Indexer::claim_of(File& file) {
  if (file.cursor == file.end) return std::nullopt;
  const auto data = file.source.data_from(file.cursor);
  const uint64_t begin =
      data ? std::clamp(whole_blocks(data->begin), file.cursor, file.end)
           : file.end;
  progress_.zero_bytes += begin - file.cursor;
  progress_.passed_bytes += begin - file.cursor;
  file.cursor = begin;
  if (begin == file.end) {
    if (file.is_finished()) retire(file);
    return std::nullopt;
  }
  const uint64_t data_end = whole_blocks(data->end + kBlockBytes - 1);
  const Chunk chunk{&file, begin,
                    std::min({begin + kChunkBytes, data_end, file.end})};
  file.cursor = chunk.end;
  file.in_flight.push_back(begin);
  return chunk;
}

Status Indexer::open_next_file() {
  auto opened = SourceFile::open(paths_[next_path_++]);
  if (!opened) {
    // It went away since it was listed.
    if (opened.error().code == ErrorCode::kNotFound) return {};
    return opened.error();
  }
  auto file = std::make_unique<File>(std::move(*opened));
  const auto known = known_.find(file->source.path());
  if (known != known_.end()) {
    auto records = decode_index_records(known->second.note);
    file->noted_badly = !records;
    if (records) file->records = std::move(*records);
    if (has_changed(*file)) {
      const Status erased = store_.erase(known->second.id);
      if (!erased && erased.error().code != ErrorCode::kNotFound) return erased;
      file->records.clear();
    }
  }
  if (const IndexRecord* mine = file->record_of(domain_)) {
    if (mine->done_bytes == mine->size_bytes) {
      ++progress_.files;
      ++progress_.unchanged;
      progress_.passed_bytes += mine->size_bytes;
      return {};
    }
    file->cursor = whole_blocks(mine->done_bytes);
    progress_.passed_bytes += file->cursor;
  }
  CAUSEWAY_ASSIGN(file->id, store_.add_source({.kind = ContentKind::kFile,
                                               .name = file->source.path()}));
  files_.push_back(std::move(file));
  if (files_.back()->is_finished()) retire(*files_.back());
  return {};
}

bool Indexer::has_changed(const File& file) const {
  if (file.noted_badly) return true;
  return std::ranges::any_of(file.records, [&](const IndexRecord& record) {
    const bool all_done = record.done_bytes == record.size_bytes;
    const bool ours = record.domain == domain_;
    return record.size_bytes != file.source.size_bytes() ||
           record.mtime_ns != file.source.mtime_ns() ||
           // A device does not tell: it is read anew once it was read.
           (ours && all_done && (options_.again || record.mtime_ns == 0));
  });
}

void Indexer::finish(const Chunk& chunk, uint64_t put_bytes,
                     uint64_t zero_bytes) {
  const std::scoped_lock lock(mutex_);
  File& file = *chunk.file;
  std::erase(file.in_flight, chunk.begin);
  progress_.passed_bytes += chunk.end - chunk.begin;
  progress_.put_bytes += put_bytes;
  progress_.zero_bytes += zero_bytes;
  if (file.is_finished()) retire(file);
}

// With its descriptor: of many small files few are open at once.
void Indexer::retire(const File& file) {
  finished_.push_back(note_of(file));
  ++progress_.files;
  // The part of a block at its end.
  progress_.passed_bytes += file.source.size_bytes() - file.end;
  std::erase_if(files_, [&](const auto& it) { return it.get() == &file; });
}

Indexer::Note Indexer::note_of(const File& file) const {
  std::vector<IndexRecord> records = file.records;
  std::erase_if(records, [&](const IndexRecord& record) {
    return record.domain == domain_;
  });
  // The oldest domain is forgotten: it is indexed again one day.
  if (records.size() == kIndexRecordsMax) records.erase(records.begin());
  records.push_back({.domain = domain_,
                     .size_bytes = file.source.size_bytes(),
                     .mtime_ns = file.source.mtime_ns(),
                     .done_bytes = file.done_bytes()});
  return {file.id, encode_index_records(records)};
}

void Indexer::fail(const Error& error) {
  const std::scoped_lock lock(mutex_);
  if (!error_) error_ = error;
}

bool Indexer::wait(std::chrono::milliseconds timeout) {
  std::unique_lock lock(mutex_);
  return ended_.wait_for(lock, timeout, [&] { return working_ == 0; });
}

void Indexer::request_stop() {
  const std::scoped_lock lock(mutex_);
  stopping_ = true;
}

void Indexer::stop() {
  request_stop();
  for (std::thread& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

// What the notes say is put before they are taken, and flushed before they are
// written.
Status Indexer::checkpoint() {
  std::vector<Note> notes;
  {
    const std::scoped_lock lock(mutex_);
    notes = std::exchange(finished_, {});
    for (const auto& file : files_) notes.push_back(note_of(*file));
  }
  if (notes.empty()) return {};
  CAUSEWAY_TRY(store_.flush());
  for (const Note& note : notes) {
    const Status noted = store_.note(note.source, note.bytes);
    // Someone has dropped it meanwhile.
    if (!noted && noted.error().code != ErrorCode::kNotFound) return noted;
  }
  return {};
}

Status Indexer::status() {
  const std::scoped_lock lock(mutex_);
  return error_ ? Status(*error_) : Status();
}

IndexerProgress Indexer::progress() {
  const std::scoped_lock lock(mutex_);
  return progress_;
}

}  // namespace causeway
