// SourceFile: a file or block device whose content is indexed: what it is
// called, how much there is, and where it has data.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "engine/base/result.h"
#include "engine/base/unique_fd.h"

namespace causeway {

struct DataExtent {
  uint64_t begin = 0;
  uint64_t end = 0;
};

class SourceFile {
 public:
  // kNotFound, kPermission; kInvalidArgument: neither a file nor a block
  // device, or larger than a region.
  static Result<SourceFile> open(const std::string& path);

  const std::string& path() const { return path_; }  // without symbolic links
  int fd() const { return fd_.get(); }
  uint64_t size_bytes() const { return size_bytes_; }
  // When it was opened; 0 for a block device, which does not tell.
  int64_t mtime_ns() const { return mtime_ns_; }

  // The first data at `from` or after it; nothing when there is no more. Where
  // holes cannot be told all is data.
  std::optional<DataExtent> data_from(uint64_t from) const;

 private:
  SourceFile() = default;

  std::string path_;
  UniqueFd fd_;
  uint64_t size_bytes_ = 0;
  int64_t mtime_ns_ = 0;
};

// The files and devices that these paths name: a folder stands for all files in
// it that have a block and are not links, in the order of their names.
Result<std::vector<std::string>> list_sources(
    const std::vector<std::string>& paths);

}  // namespace causeway
