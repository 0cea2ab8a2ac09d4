// The state of a KVM guest, from another host: the blob's sections, the CPU
// features, each vCPU's registers. Nothing here reaches an ioctl.
#include <xxhash.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "engine/base/assert.h"
#include "hypervisor-shim/kvm/cpu_features.h"
#include "hypervisor-shim/kvm/limits.h"
#include "hypervisor-shim/kvm/vcpu_state.h"
#include "hypervisor-shim/lab/guest_abi.h"
#include "hypervisor-shim/lab/state_sections.h"

namespace {

using namespace causeway;       // NOLINT
using namespace causeway::kvm;  // NOLINT

constexpr size_t kPrefixBytes = 16;
constexpr size_t kChecksumOffset = 8;

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  if (const auto features = CpuFeatures::parse(bytes)) {
    CAUSEWAY_ASSERT(features->serialize().size() == size);
    (void)features->check_covers(*features).has_value();
    (void)features->xcr0();
  }
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
    const auto state = VcpuState::parse(*reader, vcpu);
    if (!state) continue;
    CAUSEWAY_ASSERT(state->xcrs.nr_xcrs <= KVM_MAX_XCRS);
    CAUSEWAY_ASSERT(state->msrs.size() <= kMsrsMax);
  }
  return 0;
}
