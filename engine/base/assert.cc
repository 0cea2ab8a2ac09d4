#include "engine/base/assert.h"

#include <cstdio>
#include <cstdlib>

namespace causeway {

void assert_failed(const char* condition, const char* file, int line) {
  std::fprintf(stderr, "causeway: assertion failed: %s at %s:%d\n", condition,
               file, line);
  std::abort();
}

}  // namespace causeway
