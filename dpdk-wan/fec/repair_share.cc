#include "dpdk-wan/fec/repair_share.h"

#include <algorithm>
#include <cmath>

#include "dpdk-wan/fec/limits.h"
#include "engine/base/assert.h"

namespace causeway {
namespace {

// The chance that more than `repairs` of all symbols are lost.
double failure(size_t sources, size_t repairs, double loss) {
  const auto n = static_cast<double>(sources + repairs);
  double term = std::pow(1 - loss, n);  // of none, then of one more
  double fits = 0;
  for (size_t i = 0; i <= repairs; ++i) {
    fits += term;
    const auto lost = static_cast<double>(i);
    term *= (n - lost) / (lost + 1) * loss / (1 - loss);
  }
  return 1 - fits;
}

bool enough(size_t sources, size_t repairs, double loss) {
  return failure(sources, repairs, loss) <= kGroupFailureMax;
}

}  // namespace

size_t repairs_for(size_t sources, double loss) {
  CAUSEWAY_ASSERT(sources > 0 && sources <= kFecSourcesMax);
  const double assumed = std::clamp(loss, kLossMin, kLossMax);
  size_t repairs = 1;
  while (repairs < kFecRepairsMax && !enough(sources, repairs, assumed)) {
    ++repairs;
  }
  return repairs;
}

size_t group_sources_for(double loss) {
  const double assumed = std::clamp(loss, kLossMin, kLossMax);
  size_t sources = kFecSourcesMax;
  while (sources > 1 && !enough(sources, kFecRepairsMax, assumed)) {
    sources /= 2;
  }
  return sources;
}

bool worth_repair(const RunObservation& seen) {
  if (seen.bytes_s <= 0 || seen.rtt <= Duration(0)) return true;
  const double behind_s = static_cast<double>(seen.bytes_behind) / seen.bytes_s;
  return behind_s < kRepairRoundTrips * seconds(seen.rtt);
}

}  // namespace causeway
