// The contract of paths on real verbs (tests/labs/rdma). Nothing is registered
// for WRITEs in place here: every payload goes by the ring.
#include "tests/contract/path_contract.h"
#include "tests/rdma/rdma_lab.h"

namespace causeway {
namespace {

std::unique_ptr<PathLab> ring_lab(const PathLabOptions& options) {
  return std::make_unique<RdmaLab>(options, RdmaLabShape{});
}

// A device that takes sixteen requests a queue pair.
std::unique_ptr<PathLab> tiny_device_lab(const PathLabOptions& options) {
  RdmaLabShape shape;
  shape.device_limits.queue_pair_requests = 16;
  shape.device_limits.registration_bytes = 64u << 20;
  return std::make_unique<RdmaLab>(options, shape);
}

INSTANTIATE_TEST_SUITE_P(Rdma, PathContract, testing::Values(ring_lab));
INSTANTIATE_TEST_SUITE_P(RdmaTinyDevice, PathContract,
                         testing::Values(tiny_device_lab));

}  // namespace
}  // namespace causeway
