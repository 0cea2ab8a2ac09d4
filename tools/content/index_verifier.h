// IndexVerifier: reads what the entries of an index speak of, and counts those
// that no longer are what they were: stale ones cost a migration a read and the
// bytes of a block. A share of the entries is a fair sample: they are taken by
// their digests, from anywhere on.
//
// Only files are judged whose records are all of this domain: of another
// domain's entries nobody without its key can tell. One thread.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "engine/content/content_reader.h"
#include "engine/content/content_store.h"

namespace causeway {

struct VerifiedSource {
  ContentSourceId id = 0;
  std::string path;
  bool gone = false;  // cannot be opened any more
  uint64_t read = 0;  // entries
  uint64_t stale = 0;
};

struct Verification {
  uint64_t read = 0;
  uint64_t stale = 0;
  uint64_t passed_over = 0;             // not judged
  std::vector<VerifiedSource> sources;  // by number
};

class IndexVerifier {
 public:
  // `store` outlives it. Reads about `share` (above 0, at most 1) of the
  // entries, from part `first` on, around.
  static Result<IndexVerifier> create(ContentStore& store,
                                      const ContentKey& key, double share,
                                      uint32_t first);

  // A step's entries; whether there is more to do.
  Result<bool> step();
  double done() const;  // 0 to 1
  const Verification& verification() const { return verification_; }
  uint64_t read_bytes() const { return verification_.read * kBlockBytes; }

 private:
  IndexVerifier(ContentStore& store, ContentIdentity identity)
      : store_(&store), reader_(std::move(identity), store) {}

  Status choose_sources(const ContentKey& key);
  void verify(std::vector<ContentEntry> entries);

  ContentStore* store_;
  ContentReader reader_;
  std::vector<ContentDigest> domain_;         // its names, one a cut
  std::map<ContentSourceId, size_t> judged_;  // its place in `sources`
  Verification verification_;
  uint32_t next_part_ = 0;
  uint32_t parts_left_ = 0;
  uint32_t parts_ = 0;
  uint32_t parts_a_step_ = 1;
};

}  // namespace causeway
