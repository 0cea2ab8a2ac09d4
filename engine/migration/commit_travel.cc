#include "engine/migration/commit_travel.h"

#include <algorithm>

#include "engine/base/assert.h"

namespace causeway {

Duration commit_travel(const CommitTimes& times) {
  CAUSEWAY_ASSERT(times.first >= Duration{0});
  CAUSEWAY_ASSERT(times.second >= Duration{0});
  const Duration most = std::clamp(times.between, Duration{0}, times.second);
  const Duration least =
      std::clamp(times.between - times.first, Duration{0}, most);
  return least + (most - least) / 2;
}

}  // namespace causeway
