// SourceTable: the sources of one index by their numbers, and the other way
// round. In memory in every back end: sources are few. One thread at a time.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <unordered_map>

#include "engine/content/content_index.h"

namespace causeway {

class SourceTable {
 public:
  std::optional<ContentSourceId> find(const ContentSource& source) const;
  // kNotFound.
  Result<ContentSource> at(ContentSourceId id) const;
  bool has(ContentSourceId id) const { return sources_.contains(id); }
  size_t size() const { return sources_.size(); }
  const std::unordered_map<ContentSourceId, ContentSource>& all() const {
    return sources_;
  }

  // The number that the next new source gets.
  ContentSourceId next() const { return next_; }
  // kInvalidArgument, kNoSpace, as ContentIndex::add_source() has them, for a
  // source that is not here.
  Status check_new(const ContentSource& source) const;
  // From a store, or after check_new() with next().
  void add(ContentSourceId id, const ContentSource& source);
  void skip_to(ContentSourceId next);  // numbers below it are never given
  void remove(ContentSourceId id);     // it is here

  // As ContentIndex::put() has it.
  Status check(std::span<const ContentEntry> entries) const;

 private:
  static std::string key(const ContentSource& source);

  ContentSourceId next_ = 1;
  std::unordered_map<ContentSourceId, ContentSource> sources_;
  std::unordered_map<std::string, ContentSourceId> ids_;
};

}  // namespace causeway
