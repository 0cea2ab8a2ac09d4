// The vCPU state of a process guest, from another host: the blob's sections,
// then registers and XSAVE area. What is accepted must be fit for sigreturn.
#include <xxhash.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "engine/base/assert.h"
#include "hypervisor-shim/lab/guest_abi.h"
#include "hypervisor-shim/process/cpu_features.h"
#include "hypervisor-shim/process/vcpu_state.h"

namespace {

using namespace causeway;           // NOLINT
using namespace causeway::process;  // NOLINT

constexpr size_t kPrefixBytes = 16;
constexpr size_t kChecksumOffset = 8;

// As of an AVX host.
constexpr XsaveLayout kLayout{0x7, 832, 0xffff};
constexpr GuestWindow kWindow{GUEST_VIRTUAL_BASE, 64u << 20};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  (void)compare_features(bytes, kLayout).has_value();
  // A fuzzer does not guess a checksum: put the right one.
  std::vector<std::byte> blob(bytes.begin(), bytes.end());
  if (size >= kPrefixBytes) {
    const uint64_t sum =
        XXH3_64bits(blob.data() + kPrefixBytes, size - kPrefixBytes);
    std::memcpy(blob.data() + kChecksumOffset, &sum, sizeof(sum));
  }
  const auto reader = lab::StateReader::parse(blob);
  if (!reader) return 0;
  for (uint32_t vcpu = 0; vcpu < GUEST_VCPUS_MAX; ++vcpu) {
    const auto state = load_vcpu(*reader, vcpu, kLayout, kWindow);
    if (!state) continue;
    CAUSEWAY_ASSERT(state->xsave.size() == kLayout.bytes);
    CAUSEWAY_ASSERT(kWindow.contains(state->registers[REG_RIP]));
  }
  return 0;
}
