// CAUSEWAY_ASSERT: what we know to be true, checked in every build
// (RelWithDebInfo defines NDEBUG, so assert() would vanish). For our own bugs
// only: bytes from outside are checked and refused, never asserted on.
#pragma once

namespace causeway {

[[noreturn]] void assert_failed(const char* condition, const char* file,
                                int line);

}  // namespace causeway

#define CAUSEWAY_ASSERT(condition)                               \
  do {                                                           \
    if (__builtin_expect(!(condition), 0))                       \
      ::causeway::assert_failed(#condition, __FILE__, __LINE__); \
  } while (false)
