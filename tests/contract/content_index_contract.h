// The contract of every ContentIndex (engine/content/content_index.h), as one
// suite: tests/engine/content instantiates it with its back ends. The source is
// compiled by its users.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "engine/content/content_index.h"

namespace causeway {

// Even over all values, as keyed digests are; the same for the same number.
ContentDigest digest_of(uint64_t number);

// One index, empty, with room for 100,000 blocks, and what it lies in.
class ContentIndexLab {
 public:
  virtual ~ContentIndexLab() = default;
  virtual ContentIndex& index() = 0;
};

// kUnreachable: the test is skipped, with the message as the reason.
using MakeContentIndexLab =
    std::function<Result<std::unique_ptr<ContentIndexLab>>()>;

class ContentIndexContract
    : public testing::TestWithParam<MakeContentIndexLab> {
 protected:
  using Places = std::vector<std::optional<ContentPlace>>;

  void SetUp() override;
  ContentIndex& index() { return lab_->index(); }

  ContentSourceId add(const ContentSource& source);
  ContentSourceId add_file(const std::string& path) {
    return add({.kind = ContentKind::kFile, .name = path});
  }
  void put(const std::vector<ContentEntry>& entries);
  Places find(const std::vector<ContentDigest>& digests);
  std::optional<ContentPlace> find_one(const ContentDigest& digest) {
    return find({digest}).at(0);
  }
  ContentDigest random_digest() { return digest_of(random_()); }
  std::vector<ContentDigest> random_digests(size_t count);

  uint64_t seed_ = 0;
  std::mt19937_64 random_;

 private:
  std::unique_ptr<ContentIndexLab> lab_;
};

}  // namespace causeway
