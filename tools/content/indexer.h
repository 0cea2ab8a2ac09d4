// Indexer: puts the content of files into an index: some workers read, name
// blocks (and pieces of content) and put them, one file after another, each in
// chunks. Zero blocks and holes are passed over: they need no index.
//
// Resumable: checkpoint() writes down how far each file is. A file whose size
// and time are those of its record goes on from there, or is passed over when
// all of it is there; one that changed is indexed anew, its old places erased.
//
// Owned by one thread; the workers are its own.
#pragma once

#include <chrono>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "engine/content/content_store.h"
#include "engine/content/index_record.h"
#include "tools/content/source_file.h"

namespace causeway {

struct IndexerOptions {
  unsigned workers = 1;
  bool again = false;  // also what has not changed
  // Besides the blocks, the pieces of this cut; kBlocks: none.
  ContentCut pieces = ContentCut::kBlocks;
};

struct IndexerProgress {
  uint64_t files = 0;         // that are finished
  uint64_t unchanged = 0;     // of them: all was there before
  uint64_t total_bytes = 0;   // of all files, with holes
  uint64_t passed_bytes = 0;  // of those: behind us
  uint64_t put_bytes = 0;     // of those: named and put in this run
  uint64_t zero_bytes = 0;    // of those: zero blocks and holes
};

class Indexer {
 public:
  // `store` outlives it.
  static Result<std::unique_ptr<Indexer>> create(ContentStore& store,
                                                 const ContentKey& key,
                                                 const IndexerOptions& options);
  ~Indexer();  // stop()

  // Starts the workers. Paths are list_sources()'s.
  Status start(std::vector<std::string> files);
  // Waits until all is done, at most so long; whether it is.
  bool wait(std::chrono::milliseconds timeout);
  // The workers end after the chunk at hand. Any thread.
  void request_stop();
  // Waits for that.
  void stop();
  // What is put outlives the process, and the records say so.
  Status checkpoint();
  // What stopped the workers, if anything did.
  Status status();
  IndexerProgress progress();

 private:
  struct File;
  struct Chunk {
    File* file = nullptr;
    uint64_t begin = 0;
    uint64_t end = 0;
  };
  struct Note {
    ContentSourceId source = 0;
    std::vector<std::byte> bytes;
  };

  Indexer(ContentStore& store, const ContentKey& key,
          const IndexerOptions& options);

  Status load_sources();
  void work(ContentIdentity identity);
  // The next chunk; nothing when there is none, or none is wanted.
  std::optional<Chunk> claim();
  std::optional<Chunk> claim_of(File& file);
  Status open_next_file();
  // Whether the file is to be indexed from its beginning, and what is there of
  // it is to be forgotten.
  bool has_changed(const File& file) const;
  void finish(const Chunk& chunk, uint64_t put_bytes, uint64_t zero_bytes);
  void retire(const File& file);
  Note note_of(const File& file) const;
  void fail(const Error& error);

  ContentStore& store_;
  const ContentKey key_;
  const IndexerOptions options_;
  ContentDigest domain_{};

  std::mutex mutex_;  // of all below
  std::condition_variable ended_;
  std::map<std::string, KeptSource> known_;  // by path, before this run
  std::vector<std::string> paths_;
  size_t next_path_ = 0;
  // Open ones: all but the last are claimed to their ends.
  std::vector<std::unique_ptr<File>> files_;
  std::vector<Note> finished_;  // for the next checkpoint
  IndexerProgress progress_;
  std::optional<Error> error_;
  unsigned working_ = 0;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace causeway
