// NodeBuffer: memory of one NUMA node, allocated and touched at set-up, so
// that the data path neither allocates nor faults.
#pragma once

#include <cstddef>
#include <span>
#include <utility>

#include "engine/base/result.h"
#include "engine/runtime/topology.h"

namespace causeway {

class NodeBuffer {
 public:
  // Rounded up to whole pages, zeroed. kNoSpace and the like when the node
  // cannot give it.
  static Result<NodeBuffer> allocate(const Topology& topology, unsigned node,
                                     size_t bytes);
  NodeBuffer(NodeBuffer&& other) noexcept
      : memory_(std::exchange(other.memory_, {})) {}
  NodeBuffer& operator=(NodeBuffer&& other) noexcept;
  ~NodeBuffer();

  std::span<std::byte> bytes() const { return memory_; }

 private:
  explicit NodeBuffer(std::span<std::byte> memory) : memory_(memory) {}

  std::span<std::byte> memory_;
};

}  // namespace causeway
