#include "engine/content/source_table.h"

#include <algorithm>
#include <limits>

#include "engine/base/assert.h"

namespace causeway {

std::string SourceTable::key(const ContentSource& source) {
  const auto bytes = encode_source(source);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::optional<ContentSourceId> SourceTable::find(
    const ContentSource& source) const {
  const auto found = ids_.find(key(source));
  if (found == ids_.end()) return std::nullopt;
  return found->second;
}

Result<ContentSource> SourceTable::at(ContentSourceId id) const {
  const auto found = sources_.find(id);
  if (found == sources_.end()) {
    return make_error(ErrorCode::kNotFound,
                      "The content index has no source {}.", id);
  }
  return found->second;
}

Status SourceTable::check_new(const ContentSource& source) const {
  CAUSEWAY_TRY(check_source(source));
  if (size() >= kContentSourcesMax ||
      next_ == std::numeric_limits<ContentSourceId>::max()) {
    return make_error(ErrorCode::kNoSpace,
                      "The content index has {} sources, and {} is its limit: "
                      "drop some.",
                      size(), kContentSourcesMax);
  }
  return {};
}

void SourceTable::add(ContentSourceId id, const ContentSource& source) {
  sources_.emplace(id, source);
  ids_.emplace(key(source), id);
  skip_to(id + 1);
}

void SourceTable::skip_to(ContentSourceId next) {
  next_ = std::max(next_, next);
}

void SourceTable::remove(ContentSourceId id) {
  const auto found = sources_.find(id);
  CAUSEWAY_ASSERT(found != sources_.end());
  ids_.erase(key(found->second));
  sources_.erase(found);
}

Status SourceTable::check(std::span<const ContentEntry> entries) const {
  CAUSEWAY_ASSERT(entries.size() <= kContentBatchMax);
  ContentSourceId known = 0;  // a batch is mostly of one source
  for (const ContentEntry& entry : entries) {
    const ContentPlace& place = entry.place;
    if (place.source != known && !has(place.source)) {
      return make_error(ErrorCode::kNotFound,
                        "The content index has no source {}.", place.source);
    }
    known = place.source;
    CAUSEWAY_TRY(check_offset(place.offset_bytes));
  }
  return {};
}

}  // namespace causeway
