#include <random>

#include "tests/dpdk-wan/lanes_lab.h"

namespace causeway {
namespace {

MakePathLab lab_of(size_t lanes, const RelayTrouble& trouble = {}) {
  return [lanes, trouble](const PathLabOptions& options) {
    if (trouble.loss > 0) {
      printf("the relays' seed: %llu\n",
             static_cast<unsigned long long>(trouble.seed));
    }
    return std::unique_ptr<PathLab>(
        std::make_unique<LanesLab>(lanes, options, trouble));
  };
}

RelayTrouble lossy() {
  RelayTrouble trouble;
  trouble.loss = 0.02;
  trouble.duplicates = 0.05;
  trouble.seed = std::random_device{}();
  return trouble;
}

INSTANTIATE_TEST_SUITE_P(WanOneLane, PathContract, testing::Values(lab_of(1)));
INSTANTIATE_TEST_SUITE_P(WanTwoLanes, PathContract, testing::Values(lab_of(2)));
INSTANTIATE_TEST_SUITE_P(WanThreeLanes, PathContract,
                         testing::Values(lab_of(3)));
INSTANTIATE_TEST_SUITE_P(WanTwoLanesWithLoss, PathContract,
                         testing::Values(lab_of(2, lossy())));

}  // namespace
}  // namespace causeway
