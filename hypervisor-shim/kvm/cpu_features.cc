#include "hypervisor-shim/kvm/cpu_features.h"

#include <fmt/format.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <string_view>

#include "engine/base/bytes.h"
#include "hypervisor-shim/kvm/kvm_list.h"
#include "hypervisor-shim/kvm/limits.h"

namespace causeway::kvm {

namespace {

enum class Register { kEax, kEbx, kEcx, kEdx };

const char* register_name(Register which) {
  constexpr std::array<const char*, 4> kNames = {"eax", "ebx", "ecx", "edx"};
  return kNames[static_cast<size_t>(which)];
}

uint32_t& value_of(kvm_cpuid_entry2& entry, Register which) {
  switch (which) {
    case Register::kEax:
      return entry.eax;
    case Register::kEbx:
      return entry.ebx;
    case Register::kEcx:
      return entry.ecx;
    case Register::kEdx:
      break;
  }
  return entry.edx;
}

// The registers in which every bit is a feature that a guest may use.
struct FeatureWord {
  uint32_t function;
  uint32_t index;
  Register which;
  uint32_t ignored;  // bits that follow the guest's own state
};

constexpr std::array<FeatureWord, 12> kFeatureWords = {{
    {1, 0, Register::kEcx, 1u << 27},  // OSXSAVE mirrors CR4
    {1, 0, Register::kEdx, 0},
    {7, 0, Register::kEbx, 0},
    {7, 0, Register::kEcx, 1u << 4},  // OSPKE mirrors CR4
    {7, 0, Register::kEdx, 0},
    {7, 1, Register::kEax, 0},
    {0xd, 0, Register::kEax, 0},
    {0xd, 1, Register::kEax, 0},
    {0x80000001, 0, Register::kEcx, 0},
    {0x80000001, 0, Register::kEdx, 0},
    {0x80000008, 0, Register::kEbx, 0},
    {0x40000001, 0, Register::kEax, 0},  // KVM's paravirtual features
}};

struct NamedBit {
  uint32_t function;
  uint32_t index;
  Register which;
  uint32_t bit;
  const char* name;  // as in /proc/cpuinfo
};

constexpr auto kEax = Register::kEax;
constexpr auto kEbx = Register::kEbx;
constexpr auto kEcx = Register::kEcx;
constexpr auto kEdx = Register::kEdx;

constexpr NamedBit kNamedBits[] = {
    {1, 0, kEcx, 0, "pni"},
    {1, 0, kEcx, 1, "pclmulqdq"},
    {1, 0, kEcx, 9, "ssse3"},
    {1, 0, kEcx, 12, "fma"},
    {1, 0, kEcx, 13, "cx16"},
    {1, 0, kEcx, 17, "pcid"},
    {1, 0, kEcx, 19, "sse4_1"},
    {1, 0, kEcx, 20, "sse4_2"},
    {1, 0, kEcx, 21, "x2apic"},
    {1, 0, kEcx, 22, "movbe"},
    {1, 0, kEcx, 23, "popcnt"},
    {1, 0, kEcx, 24, "tsc_deadline_timer"},
    {1, 0, kEcx, 25, "aes"},
    {1, 0, kEcx, 26, "xsave"},
    {1, 0, kEcx, 28, "avx"},
    {1, 0, kEcx, 29, "f16c"},
    {1, 0, kEcx, 30, "rdrand"},
    {7, 0, kEbx, 0, "fsgsbase"},
    {7, 0, kEbx, 3, "bmi1"},
    {7, 0, kEbx, 4, "hle"},
    {7, 0, kEbx, 5, "avx2"},
    {7, 0, kEbx, 7, "smep"},
    {7, 0, kEbx, 8, "bmi2"},
    {7, 0, kEbx, 9, "erms"},
    {7, 0, kEbx, 10, "invpcid"},
    {7, 0, kEbx, 11, "rtm"},
    {7, 0, kEbx, 16, "avx512f"},
    {7, 0, kEbx, 17, "avx512dq"},
    {7, 0, kEbx, 18, "rdseed"},
    {7, 0, kEbx, 19, "adx"},
    {7, 0, kEbx, 20, "smap"},
    {7, 0, kEbx, 21, "avx512ifma"},
    {7, 0, kEbx, 23, "clflushopt"},
    {7, 0, kEbx, 24, "clwb"},
    {7, 0, kEbx, 28, "avx512cd"},
    {7, 0, kEbx, 29, "sha_ni"},
    {7, 0, kEbx, 30, "avx512bw"},
    {7, 0, kEbx, 31, "avx512vl"},
    {7, 0, kEcx, 1, "avx512vbmi"},
    {7, 0, kEcx, 2, "umip"},
    {7, 0, kEcx, 3, "pku"},
    {7, 0, kEcx, 6, "avx512_vbmi2"},
    {7, 0, kEcx, 8, "gfni"},
    {7, 0, kEcx, 9, "vaes"},
    {7, 0, kEcx, 10, "vpclmulqdq"},
    {7, 0, kEcx, 11, "avx512_vnni"},
    {7, 0, kEcx, 12, "avx512_bitalg"},
    {7, 0, kEcx, 14, "avx512_vpopcntdq"},
    {7, 0, kEcx, 22, "rdpid"},
    {7, 0, kEdx, 4, "fsrm"},
    {7, 0, kEdx, 22, "amx_bf16"},
    {7, 0, kEdx, 24, "amx_tile"},
    {7, 0, kEdx, 25, "amx_int8"},
    {7, 1, kEax, 4, "avx_vnni"},
    {7, 1, kEax, 5, "avx512_bf16"},
    {0xd, 0, kEax, 2, "xcr0.avx"},
    {0xd, 0, kEax, 9, "xcr0.pkru"},
    {0xd, 1, kEax, 0, "xsaveopt"},
    {0xd, 1, kEax, 1, "xsavec"},
    {0xd, 1, kEax, 2, "xgetbv1"},
    {0xd, 1, kEax, 3, "xsaves"},
    {0x80000001, 0, kEcx, 0, "lahf_lm"},
    {0x80000001, 0, kEcx, 5, "abm"},
    {0x80000001, 0, kEcx, 6, "sse4a"},
    {0x80000001, 0, kEdx, 20, "nx"},
    {0x80000001, 0, kEdx, 26, "pdpe1gb"},
    {0x80000001, 0, kEdx, 27, "rdtscp"},
};

// State components in XCR0. AMX needs a permission that this VMM does not ask
// for; MPX is gone.
constexpr uint64_t kXcr0X87 = 0x1;  // as it is after a reset
constexpr uint64_t kXcr0X87Sse = 0x3;
constexpr uint64_t kXcr0Avx = 0x4;
constexpr uint64_t kXcr0Avx512 = 0xe0;
constexpr uint64_t kXcr0Pkru = 0x200;
constexpr uint64_t kXcr0Usable =
    kXcr0X87Sse | kXcr0Avx | kXcr0Avx512 | kXcr0Pkru;
constexpr uint32_t kAmxBits = (1u << 22) | (1u << 24) | (1u << 25);

std::string bit_name(const FeatureWord& word, uint32_t bit) {
  for (const auto& named : kNamedBits) {
    if (named.function == word.function && named.index == word.index &&
        named.which == word.which && named.bit == bit) {
      return named.name;
    }
  }
  return fmt::format("cpuid {:#x}.{} {} bit {}", word.function, word.index,
                     register_name(word.which), bit);
}

// "AuthenticAMD"
std::string vendor_of(const kvm_cpuid_entry2* leaf0) {
  if (leaf0 == nullptr) return "unknown";
  std::string vendor(12, '\0');
  std::memcpy(vendor.data(), &leaf0->ebx, 4);
  std::memcpy(vendor.data() + 4, &leaf0->edx, 4);
  std::memcpy(vendor.data() + 8, &leaf0->ecx, 4);
  return vendor;
}

}  // namespace

Result<CpuFeatures> CpuFeatures::of_host(int kvm_fd,
                                         const std::vector<std::string>& mask) {
  CpuidList list(kCpuidEntriesMax);
  if (::ioctl(kvm_fd, kKvmGetSupportedCpuid, list.data()) != 0) {
    return errno_error(errno, "KVM_GET_SUPPORTED_CPUID");
  }
  CpuFeatures features;
  features.entries_ = list.entries();
  for (const auto& name : mask) CAUSEWAY_TRY(features.hide(name));
  features.hide_unusable();
  return features;
}

Result<CpuFeatures> CpuFeatures::parse(std::span<const std::byte> bytes) {
  ByteReader in(bytes);
  const auto count = in.get<uint32_t>();
  CpuFeatures features;
  if (count <= kCpuidEntriesMax) {
    for (uint32_t i = 0; i < count; ++i) {
      kvm_cpuid_entry2 entry{};
      entry.function = in.get<uint32_t>();
      entry.index = in.get<uint32_t>();
      entry.flags = in.get<uint32_t>();
      entry.eax = in.get<uint32_t>();
      entry.ebx = in.get<uint32_t>();
      entry.ecx = in.get<uint32_t>();
      entry.edx = in.get<uint32_t>();
      features.entries_.push_back(entry);
    }
  }
  if (count == 0 || count > kCpuidEntriesMax || !in.finished()) {
    return make_error(ErrorCode::kPeerBroken,
                      "the list of CPU features is not usable: {} bytes that "
                      "say {} entries",
                      bytes.size(), count);
  }
  return features;
}

std::vector<std::byte> CpuFeatures::serialize() const {
  ByteWriter out;
  out.put(static_cast<uint32_t>(entries_.size()));
  for (const auto& entry : entries_) {
    for (const uint32_t word : {entry.function, entry.index, entry.flags,
                                entry.eax, entry.ebx, entry.ecx, entry.edx}) {
      out.put(word);
    }
  }
  return out.take();
}

kvm_cpuid_entry2* CpuFeatures::find(uint32_t function, uint32_t index) {
  for (auto& entry : entries_) {
    const bool indexed = entry.flags & KVM_CPUID_FLAG_SIGNIFCANT_INDEX;
    if (entry.function == function && (!indexed || entry.index == index)) {
      return &entry;
    }
  }
  return nullptr;
}

const kvm_cpuid_entry2* CpuFeatures::find(uint32_t function,
                                          uint32_t index) const {
  return const_cast<CpuFeatures*>(this)->find(function, index);
}

Status CpuFeatures::hide(const std::string& name) {
  for (const auto& named : kNamedBits) {
    if (named.name != name) continue;
    auto* const entry = find(named.function, named.index);
    if (entry != nullptr) value_of(*entry, named.which) &= ~(1u << named.bit);
    return {};
  }
  return make_error(ErrorCode::kInvalidArgument,
                    "--cpu-mask: '{}' is not a CPU feature that can be "
                    "hidden; names are those of /proc/cpuinfo",
                    name);
}

// State components go with their instructions.
void CpuFeatures::hide_unusable() {
  auto* const leaf7 = find(7, 0);
  if (leaf7 != nullptr) leaf7->edx &= ~kAmxBits;
  auto* const leaf13 = find(0xd, 0);
  if (leaf13 == nullptr) return;
  uint64_t components = leaf13->eax & kXcr0Usable;
  if (!has_avx()) components &= ~(kXcr0Avx | kXcr0Avx512);
  if (leaf7 == nullptr || !(leaf7->ebx & (1u << 16))) {
    components &= ~kXcr0Avx512;
  }
  leaf13->eax = static_cast<uint32_t>(components);
  leaf13->edx = 0;
}

bool CpuFeatures::has_xsave() const {
  const auto* const leaf1 = find(1, 0);
  return leaf1 != nullptr && (leaf1->ecx & (1u << 26)) && find(0xd, 0);
}

bool CpuFeatures::has_avx() const {
  return has_xsave() && (find(1, 0)->ecx & (1u << 28)) &&
         (find(0xd, 0)->eax & kXcr0Avx);
}

uint64_t CpuFeatures::xcr0() const {
  return has_xsave() ? find(0xd, 0)->eax : kXcr0X87;
}

Status CpuFeatures::check_covers(const CpuFeatures& needed) const {
  const std::string vendor = vendor_of(find(0, 0));
  const std::string needed_vendor = vendor_of(needed.find(0, 0));
  if (vendor != needed_vendor) {
    return make_error(ErrorCode::kIncompatible,
                      "the guest runs on a CPU of {}, this host has one of {}",
                      needed_vendor, vendor);
  }
  std::string missing;
  for (const auto& word : kFeatureWords) {
    const auto* const theirs = needed.find(word.function, word.index);
    if (theirs == nullptr) continue;
    const auto* const ours = find(word.function, word.index);
    auto needs = *theirs;
    auto has = ours != nullptr ? *ours : kvm_cpuid_entry2{};
    const uint32_t lacking = value_of(needs, word.which) &
                             ~value_of(has, word.which) & ~word.ignored;
    for (uint32_t bit = 0; bit < 32; ++bit) {
      if (!(lacking & (1u << bit))) continue;
      missing += (missing.empty() ? "" : ", ") + bit_name(word, bit);
    }
  }
  if (missing.empty()) return {};
  return make_error(ErrorCode::kIncompatible,
                    "this host's CPU lacks features that the guest may use: "
                    "{}; hide them from the guest when it is started "
                    "(--cpu-mask) or choose another host",
                    missing);
}

std::vector<kvm_cpuid_entry2> CpuFeatures::entries_for(uint32_t vcpu) const {
  auto entries = entries_;
  for (auto& entry : entries) {
    if (entry.function == 1) {
      entry.ebx = (entry.ebx & 0x00ffffff) | (vcpu << 24);
    } else if (entry.function == 0xb || entry.function == 0x1f) {
      entry.edx = vcpu;
    }
  }
  return entries;
}

}  // namespace causeway::kvm
