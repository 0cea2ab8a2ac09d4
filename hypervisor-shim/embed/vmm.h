// Vmm: the table of functions that a VMM gives to the shim, with Results in
// place of errno numbers and sentence buffers.
//
// All calls come from the service thread, one at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "engine/base/bitmap.h"
#include "engine/base/result.h"
#include "engine/base/time.h"
#include "engine/guest/region.h"
#include "hypervisor-shim/embed/causeway_shim.h"

// What save_state() and features() append to.
struct cw_sink {
  std::vector<std::byte> bytes;
  size_t bytes_max = 0;
};

namespace causeway::shim {

class Vmm {
 public:
  // Every function of `ops` is there (the C ABI checked it).
  Vmm(const cw_vmm_ops& ops, void* vmm) : ops_(ops), vmm_(vmm) {}

  // When the last vCPU had stopped, the first one went on: as the VMM says
  // or, where it does not know, the call of pause and the return of resume.
  Result<Instant> pause();
  Result<Instant> resume();
  Result<std::vector<std::byte>> save_state();
  Status load_state(std::span<const std::byte> state);
  Result<std::vector<std::byte>> features();
  Status check_features(std::span<const std::byte> features);
  Status dirty_start();
  Status dirty_collect(RegionId region, BitmapView bitmap);
  Status dirty_rearm(const BlockRange& range);
  Status dirty_stop();

 private:
  cw_vmm_ops ops_;
  void* vmm_;
};

}  // namespace causeway::shim
