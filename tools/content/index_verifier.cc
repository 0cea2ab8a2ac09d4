#include "tools/content/index_verifier.h"

#include <unistd.h>

#include <algorithm>
#include <cmath>

#include "engine/base/assert.h"
#include "engine/content/index_record.h"

namespace causeway {
namespace {

// Entries of a step: sorted by place, so that a disk is not read to and fro
// for each; 1 MiB of memory.
constexpr uint64_t kStepEntries = 1u << 16;

}  // namespace

Result<IndexVerifier> IndexVerifier::create(ContentStore& store,
                                            const ContentKey& key, double share,
                                            uint32_t first) {
  CAUSEWAY_ASSERT(share > 0 && share <= 1 && first < kContentParts);
  CAUSEWAY_ASSIGN(auto identity, ContentIdentity::create(key));
  IndexVerifier verifier(store, std::move(identity));
  CAUSEWAY_TRY(verifier.choose_sources(key));
  CAUSEWAY_ASSIGN(const auto stats, store.stats());
  verifier.parts_ =
      static_cast<uint32_t>(std::ceil(share * double{kContentParts}));
  verifier.parts_left_ = verifier.parts_;
  verifier.next_part_ = first;
  const uint64_t steps = std::max<uint64_t>(1, stats.blocks / kStepEntries);
  verifier.parts_a_step_ =
      static_cast<uint32_t>(std::max<uint64_t>(1, kContentParts / steps));
  return verifier;
}

Status IndexVerifier::choose_sources(const ContentKey& key) {
  for (const auto cut :
       {ContentCut::kBlocks, ContentCut::kSectors, ContentCut::kByContent}) {
    CAUSEWAY_ASSIGN(domain_.emplace_back(), domain_name(key, cut));
  }
  const auto is_ours = [this](const IndexRecord& record) {
    return std::ranges::count(domain_, record.domain) > 0;
  };
  CAUSEWAY_ASSIGN(const auto sources, store_->sources());
  for (const KeptSource& kept : sources) {
    const auto records = decode_index_records(kept.note);
    if (kept.source.kind != ContentKind::kFile || !records ||
        records->empty() || !std::ranges::all_of(*records, is_ours)) {
      continue;
    }
    judged_.emplace(kept.id, verification_.sources.size());
    VerifiedSource& source = verification_.sources.emplace_back();
    source.id = kept.id;
    source.path = kept.source.name;
    source.gone = ::access(source.path.c_str(), R_OK) != 0;
  }
  return {};
}

Result<bool> IndexVerifier::step() {
  if (parts_left_ == 0) return false;
  const uint32_t count =
      std::min({parts_a_step_, parts_left_, kContentParts - next_part_});
  std::vector<ContentEntry> entries;
  CAUSEWAY_TRY(store_->scan(next_part_, count, &entries));
  next_part_ = (next_part_ + count) % kContentParts;
  parts_left_ -= count;
  verify(std::move(entries));
  return parts_left_ > 0;
}

void IndexVerifier::verify(std::vector<ContentEntry> entries) {
  // They say that there are pieces, and nothing of a place.
  std::erase_if(entries, [&](const ContentEntry& entry) {
    return std::ranges::count(domain_, entry.digest) > 0;
  });
  const auto passed = std::erase_if(entries, [&](const ContentEntry& entry) {
    return !judged_.contains(entry.place.source);
  });
  verification_.passed_over += passed;
  std::ranges::sort(entries, {}, [](const ContentEntry& entry) {
    return std::pair(entry.place.source, entry.place.offset_bytes);
  });
  for (const ContentEntry& entry : entries) {
    VerifiedSource& source =
        verification_.sources[judged_.at(entry.place.source)];
    const bool there = !source.gone && reader_.has(entry.place, entry.digest);
    ++source.read;
    ++verification_.read;
    source.stale += there ? 0 : 1;
    verification_.stale += there ? 0 : 1;
  }
}

double IndexVerifier::done() const {
  return 1 - static_cast<double>(parts_left_) / parts_;
}

}  // namespace causeway
