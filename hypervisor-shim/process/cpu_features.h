// What a guest in a plain process needs of a host's CPU: the vendor, and the
// register sets in the same XSAVE layout.
//
//   u32 12 | vendor | u64 XSAVE features | u32 XSAVE bytes
#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "engine/base/result.h"
#include "hypervisor-shim/process/vcpu_state.h"

namespace causeway::process {

std::vector<std::byte> list_features(const XsaveLayout& layout);

// `needed` are hostile bytes. kIncompatible names what this host lacks.
Status compare_features(std::span<const std::byte> needed,
                        const XsaveLayout& layout);

// `layout` without the register sets of the named CPU features (names as in
// /proc/cpuinfo: avx, avx512f, pku). kInvalidArgument: another name.
Result<XsaveLayout> hide_features(XsaveLayout layout,
                                  const std::vector<std::string>& names);

// The guest may use YMM registers.
bool saves_avx(const XsaveLayout& layout);

}  // namespace causeway::process
