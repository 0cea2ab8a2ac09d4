#include "hypervisor-shim/lab/guest_image.h"

#include <algorithm>
#include <cmath>
#include <cstring>

extern "C" {
extern const std::byte causeway_guest_program[];
extern const std::byte causeway_guest_program_end[];
}

namespace causeway::lab {

namespace {

constexpr double kTwoTo32 = 4294967296.0;

uint64_t table_bytes(uint64_t blocks) {
  return (blocks + GUEST_VERSIONS_PER_PAGE - 1) / GUEST_VERSIONS_PER_PAGE *
         GUEST_BLOCK_BYTES;
}

uint64_t share_of(uint64_t blocks, double share) {
  return static_cast<uint64_t>(std::floor(static_cast<double>(blocks) * share));
}

// The part of `blocks` that belongs to one of `vcpus`, without gaps.
uint64_t slice_begin(uint64_t blocks, uint32_t index, uint32_t vcpus) {
  return blocks / vcpus * index + std::min<uint64_t>(index, blocks % vcpus);
}

// Tables come first, as large as if all RAM were used: so the data region
// does not depend on --used.
Status plan_slices(const GuestOptions& options, GuestParams& params) {
  const uint32_t vcpus = options.vcpus;
  const uint64_t disk_blocks =
      share_of(options.disk_bytes / GUEST_BLOCK_BYTES, options.used_share);
  const uint64_t room = options.memory_bytes / GUEST_BLOCK_BYTES;
  uint64_t gpa = GUEST_TABLES_GPA;
  for (uint32_t i = 0; i < vcpus; ++i) {
    auto& slice = params.slices[i];
    slice.disk_first = slice_begin(disk_blocks, i, vcpus);
    slice.disk_blocks =
        slice_begin(disk_blocks, i + 1, vcpus) - slice.disk_first;
    slice.disk_table_gpa = gpa;
    gpa += table_bytes(slice.disk_blocks);
    slice.ram_table_gpa = gpa;
    gpa += table_bytes(room / vcpus + 1);
  }
  if (gpa + vcpus * GUEST_BLOCK_BYTES > options.memory_bytes) {
    return make_error(ErrorCode::kInvalidArgument,
                      "--memory {} is too little: the tables of the RAM and "
                      "the disk alone take {} bytes",
                      options.memory_bytes, gpa);
  }
  const uint64_t first = gpa / GUEST_BLOCK_BYTES;
  const uint64_t blocks = share_of(room - first, options.used_share);
  for (uint32_t i = 0; i < vcpus; ++i) {
    auto& slice = params.slices[i];
    slice.ram_first = first + slice_begin(blocks, i, vcpus);
    slice.ram_blocks =
        first + slice_begin(blocks, i + 1, vcpus) - slice.ram_first;
  }
  return {};
}

}  // namespace

std::span<const std::byte> guest_program() {
  return {causeway_guest_program, causeway_guest_program_end};
}

Result<GuestParams> plan_params(const GuestOptions& options, bool has_avx) {
  GuestParams params{};
  params.magic = GUEST_PARAMS_MAGIC;
  params.vcpus = options.vcpus;
  params.workload = options.workload.kind;
  params.content = options.content.kind;
  params.has_avx = has_avx ? 1 : 0;
  const uint64_t rate = options.workload.rate_bytes_per_s;
  params.rate_bytes_per_s =
      rate == UINT64_MAX ? rate : std::max<uint64_t>(1, rate / options.vcpus);
  params.hot_q32 = static_cast<uint64_t>(options.workload.hot_share * kTwoTo32);
  params.zero_q32 =
      static_cast<uint64_t>(options.content.zero_share * kTwoTo32);
  // The zeros are drawn first: text is a share of what is left.
  const double left = 1 - options.content.zero_share;
  params.text_q32 =
      left > 0
          ? static_cast<uint64_t>(options.content.text_share / left * kTwoTo32)
          : 0;
  if (options.workload.changed_share < 1) {
    params.change_words = std::max<uint64_t>(
        1, static_cast<uint64_t>(options.workload.changed_share *
                                 GUEST_BLOCK_BYTES / 8));
  }
  params.seed = options.seed;
  params.ram_bytes = options.memory_bytes;
  params.disk_bytes = options.disk_bytes;
  CAUSEWAY_TRY(plan_slices(options, params));
  return params;
}

void write_image(const GuestMemory& memory, const GuestParams& params) {
  const auto program = guest_program();
  CAUSEWAY_ASSERT(program.size() <= GUEST_PROGRAM_BYTES_MAX);
  std::memcpy(memory.data() + GUEST_PROGRAM_GPA, program.data(),
              program.size());
  std::memcpy(memory.data() + GUEST_PARAMS_GPA, &params, sizeof(params));
}

}  // namespace causeway::lab
