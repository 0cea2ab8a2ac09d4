#include "hypervisor-shim/lab/guest_image.h"

#include <gtest/gtest.h>

#include <vector>

namespace causeway::lab {
namespace {

struct Extent {
  uint64_t first;
  uint64_t end;
};

uint64_t table_blocks(uint64_t blocks) {
  return (blocks + GUEST_VERSIONS_PER_PAGE - 1) / GUEST_VERSIONS_PER_PAGE;
}

// Every block of RAM that the plan gives to someone.
std::vector<Extent> extents_of(const GuestParams& params) {
  std::vector<Extent> all;
  for (uint32_t i = 0; i < params.vcpus; ++i) {
    const GuestSlice& slice = params.slices[i];
    const uint64_t ram_table = slice.ram_table_gpa / GUEST_BLOCK_BYTES;
    const uint64_t disk_table = slice.disk_table_gpa / GUEST_BLOCK_BYTES;
    all.push_back({slice.ram_first, slice.ram_first + slice.ram_blocks});
    all.push_back({ram_table, ram_table + table_blocks(slice.ram_blocks)});
    all.push_back({disk_table, disk_table + table_blocks(slice.disk_blocks)});
  }
  return all;
}

TEST(GuestImage, NoTwoOwnersShareABlock) {
  for (const uint64_t mib : {8, 16, 33, 512, 16384}) {
    for (uint32_t vcpus = 1; vcpus <= GUEST_VCPUS_MAX; ++vcpus) {
      GuestOptions options;
      options.memory_bytes = mib << 20;
      options.vcpus = vcpus;
      options.disk_bytes = 10 * 4096 * 1001;
      const auto params = plan_params(options, false);
      ASSERT_TRUE(params) << params.error().message;
      const auto extents = extents_of(*params);
      uint64_t blocks = 0;
      uint64_t disk_end = 0;
      for (size_t a = 0; a < extents.size(); ++a) {
        EXPECT_GE(extents[a].first, GUEST_TABLES_GPA / GUEST_BLOCK_BYTES);
        EXPECT_LE(extents[a].end, options.memory_bytes / GUEST_BLOCK_BYTES);
        for (size_t b = 0; b < a; ++b) {
          const bool apart = extents[a].end <= extents[b].first ||
                             extents[b].end <= extents[a].first ||
                             extents[a].first == extents[a].end ||
                             extents[b].first == extents[b].end;
          EXPECT_TRUE(apart) << mib << " MiB, " << vcpus << " vCPUs";
        }
      }
      for (uint32_t i = 0; i < vcpus; ++i) {
        blocks += params->slices[i].ram_blocks;
        EXPECT_EQ(params->slices[i].disk_first, disk_end);
        disk_end += params->slices[i].disk_blocks;
      }
      EXPECT_GT(blocks, 0u);
      EXPECT_EQ(disk_end, 10u * 1001);
    }
  }
}

TEST(GuestImage, UsedShareLimitsWhatIsFilled) {
  GuestOptions options;
  options.memory_bytes = 1ull << 30;
  options.disk_bytes = 1ull << 30;
  options.used_share = 0.25;
  const auto params = plan_params(options, false);
  ASSERT_TRUE(params);
  EXPECT_NEAR(static_cast<double>(params->slices[0].ram_blocks), 65536, 700);
  EXPECT_EQ(params->slices[0].disk_blocks, 65536u);
}

TEST(GuestImage, TooLittleMemoryForTheDisksTableIsRefused) {
  GuestOptions options;
  options.memory_bytes = 8u << 20;
  options.disk_bytes = 16ull << 30;
  const auto params = plan_params(options, false);
  ASSERT_FALSE(params);
  EXPECT_EQ(params.error().code, ErrorCode::kInvalidArgument);
}

TEST(GuestImage, ProgramFitsItsPlace) {
  const auto program = guest_program();
  ASSERT_GT(program.size(), 1000u);
  EXPECT_LE(program.size(), GUEST_PROGRAM_BYTES_MAX);
}

}  // namespace
}  // namespace causeway::lab
