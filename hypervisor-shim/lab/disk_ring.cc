#include "hypervisor-shim/lab/disk_ring.h"

#include <array>

namespace causeway::lab {

namespace {

// The last one ends its reader.
constexpr std::array<uint8_t, 4> kOperations = {IORING_OP_READ, IORING_OP_WRITE,
                                                IORING_OP_FSYNC, IORING_OP_NOP};

int limit(io_uring* ring) {
  std::array<io_uring_restriction, kOperations.size()> limits{};
  for (size_t i = 0; i < limits.size(); ++i) {
    limits[i].opcode = IORING_RESTRICTION_SQE_OP;
    limits[i].sqe_op = kOperations[i];
  }
  // Debian 12's liburing declares functions for both and does not export them.
  const int returned = ::io_uring_register(
      static_cast<unsigned>(ring->ring_fd), IORING_REGISTER_RESTRICTIONS,
      limits.data(), static_cast<unsigned>(limits.size()));
  if (returned != 0) return returned;
  return ::io_uring_register(static_cast<unsigned>(ring->ring_fd),
                             IORING_REGISTER_ENABLE_RINGS, nullptr, 0);
}

}  // namespace

Status open_disk_ring(unsigned entries, io_uring* ring) {
  int returned = ::io_uring_queue_init(entries, ring, IORING_SETUP_R_DISABLED);
  if (returned == 0) {
    returned = limit(ring);
    if (returned == 0) return {};
    ::io_uring_queue_exit(ring);
  }
  return errno_error(-returned,
                     "set up io_uring for the guest's disk (is it permitted "
                     "in this container?)");
}

}  // namespace causeway::lab
