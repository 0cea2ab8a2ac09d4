#include "hypervisor-shim/process/cpu_features.h"

#include <cpuid.h>

#include <cstring>
#include <string>

#include "engine/base/bytes.h"

namespace causeway::process {
namespace {

constexpr size_t kVendorBytes = 12;

// Bits of XCR0.
constexpr uint64_t kAvxSet = 1u << 2;
constexpr uint64_t kAvx512Sets = 7u << 5;
constexpr uint64_t kPkuSet = 1u << 9;

// The register sets of XCR0 by bit (Intel SDM volume 1, 13.1).
constexpr const char* kSetNames[] = {"x87",
                                     "SSE",
                                     "AVX",
                                     "MPX bounds",
                                     "MPX configuration",
                                     "AVX-512 masks",
                                     "AVX-512 ZMM0-15",
                                     "AVX-512 ZMM16-31",
                                     "bit 8",
                                     "PKRU"};

std::string host_vendor() {
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  __cpuid(0, eax, ebx, ecx, edx);
  std::string vendor(kVendorBytes, '\0');
  std::memcpy(vendor.data(), &ebx, 4);
  std::memcpy(vendor.data() + 4, &edx, 4);
  std::memcpy(vendor.data() + 8, &ecx, 4);
  return vendor;
}

std::string names_of(uint64_t sets) {
  std::string names;
  for (unsigned bit = 0; bit < 64; ++bit) {
    if ((sets >> bit & 1) == 0) continue;
    if (!names.empty()) names += ", ";
    names += bit < std::size(kSetNames) ? std::string(kSetNames[bit])
                                        : fmt::format("XCR0 bit {}", bit);
  }
  return names;
}

}  // namespace

std::vector<std::byte> list_features(const XsaveLayout& layout) {
  ByteWriter writer;
  writer.put_string(host_vendor());
  writer.put(layout.features);
  writer.put(layout.bytes);
  return writer.take();
}

Status compare_features(std::span<const std::byte> needed,
                        const XsaveLayout& layout) {
  ByteReader reader(needed);
  const std::string vendor = reader.get_string(kVendorBytes);
  const auto features = reader.get<uint64_t>();
  const auto bytes = reader.get<uint32_t>();
  if (!reader.finished()) {
    return make_error(ErrorCode::kPeerBroken,
                      "CPU features: the list is not one of a process guest");
  }
  if (vendor != host_vendor()) {
    return make_error(ErrorCode::kIncompatible,
                      "CPU features: the guest runs on a CPU of another "
                      "vendor than this host's {}; choose a host with the "
                      "same CPU",
                      host_vendor());
  }
  if (const uint64_t missing = features & ~layout.features; missing != 0) {
    return make_error(ErrorCode::kIncompatible,
                      "CPU features: this host lacks the register sets {} "
                      "that the guest uses",
                      names_of(missing));
  }
  if (bytes != layout.bytes) {
    return make_error(ErrorCode::kIncompatible,
                      "CPU features: the guest's XSAVE area has {} bytes, "
                      "this host's {}; choose a host with the same CPU",
                      bytes, layout.bytes);
  }
  return {};
}

Result<XsaveLayout> hide_features(XsaveLayout layout,
                                  const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    if (name == "avx") {
      layout.features &= ~(kAvxSet | kAvx512Sets);
    } else if (name == "avx512f") {
      layout.features &= ~kAvx512Sets;
    } else if (name == "pku") {
      layout.features &= ~kPkuSet;
    } else {
      return make_error(ErrorCode::kInvalidArgument,
                        "--cpu-mask {}: a process guest can be denied avx, "
                        "avx512f and pku",
                        name);
    }
  }
  return layout;
}

bool saves_avx(const XsaveLayout& layout) {
  return (layout.features & kAvxSet) != 0;
}

}  // namespace causeway::process
