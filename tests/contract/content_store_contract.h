// The contract of every ContentStore (engine/content/content_store.h), as one
// suite, besides that of a ContentIndex. The source is compiled by its users.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "engine/content/content_store.h"

namespace causeway {

// One store, empty, which may be closed and opened again, as another process
// would.
class ContentStoreLab {
 public:
  virtual ~ContentStoreLab() = default;
  // The one before is closed.
  virtual Result<std::unique_ptr<ContentStore>> open(ContentAccess access) = 0;
};

// kUnreachable: the test is skipped, with the message as the reason.
using MakeContentStoreLab =
    std::function<Result<std::unique_ptr<ContentStoreLab>>()>;

class ContentStoreContract
    : public testing::TestWithParam<MakeContentStoreLab> {
 protected:
  void SetUp() override;
  void open(ContentAccess access = ContentAccess::kReadWrite);
  ContentSourceId add(const std::string& path);
  // The blocks of these numbers, at their own offsets.
  void put(ContentSourceId source, uint64_t from, uint64_t end);
  std::vector<ContentEntry> scan(uint32_t part, uint32_t count);

  std::unique_ptr<ContentStoreLab> lab_;
  std::unique_ptr<ContentStore> store_;
};

}  // namespace causeway
