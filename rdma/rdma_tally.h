// RdmaTally: what an rdma path has cost its source, all workers. They add, any
// thread reads; the path owns it.
#pragma once

#include <atomic>
#include <cstdint>

namespace causeway {

struct RdmaTally {
  std::atomic<uint64_t> writes{0};    // work requests, without the messages'
  std::atomic<uint64_t> messages{0};  // a work request and a doorbell each
  std::atomic<uint64_t> written_bytes{0};
  std::atomic<uint64_t> copied_bytes{0};  // by this end's processor
  std::atomic<uint64_t> extents{0};       // registered at both ends
  // The most that was registered of the guest at once: the sum of the workers'
  // own most.
  std::atomic<uint64_t> pinned_bytes_most{0};
  // Workers that had to go on by their stream.
  std::atomic<uint32_t> streams_used{0};
};

}  // namespace causeway
