#pragma once

#include <cstdint>
#include <vector>

#include "engine/path/put_sink.h"

namespace causeway {

// A sink over one region of memory that notes what it was given.
class MemorySink final : public PutSink {
 public:
  explicit MemorySink(size_t bytes) : memory(bytes) {}
  Result<std::span<std::byte>> begin(const PutHead& head) override;
  Status end(const PutHead& head) override;
  Status written(const PutHead& head) override;

  std::vector<std::byte> memory;
  std::vector<PutHead> landed;
  uint64_t refuse_block = UINT64_MAX;  // a put there is an Error
};

}  // namespace causeway
