#include "tests/rdma/failing_registrations.h"

#include <dlfcn.h>
#include <infiniband/verbs.h>

#include <atomic>
#include <cerrno>
#include <cstddef>

#include "engine/base/assert.h"

namespace causeway {
namespace {

struct Failing {
  std::atomic<bool> on{false};
  bool at_target = false;
  uint32_t first = 0;
  uint32_t count = 0;
  std::atomic<uint32_t> asked{0};
  std::atomic<uint32_t> refused{0};
};
Failing failing;

bool refuses(unsigned int access) {
  const bool by_target = (access & IBV_ACCESS_REMOTE_WRITE) != 0;
  if (!failing.on || by_target != failing.at_target) return false;
  const uint32_t number = ++failing.asked;
  if (number < failing.first || number - failing.first >= failing.count) {
    return false;
  }
  ++failing.refused;
  errno = ENOMEM;
  return true;
}

template <typename Function>
Function real(const char* name) {
  auto* const found = reinterpret_cast<Function>(::dlsym(RTLD_NEXT, name));
  CAUSEWAY_ASSERT(found != nullptr);
  return found;
}

}  // namespace

FailingRegistrations::FailingRegistrations(End end, uint32_t first,
                                           uint32_t count) {
  CAUSEWAY_ASSERT(!failing.on && first > 0);
  failing.at_target = end == End::kTarget;
  failing.first = first;
  failing.count = count;
  failing.asked = 0;
  failing.refused = 0;
  failing.on = true;
}

FailingRegistrations::~FailingRegistrations() { failing.on = false; }

uint32_t FailingRegistrations::refused() const { return failing.refused; }

}  // namespace causeway

// What verbs.h makes of ibv_reg_mr() is one of these two.
#undef ibv_reg_mr
extern "C" {

ibv_mr* ibv_reg_mr(ibv_pd* domain, void* address, size_t length, int access) {
  if (causeway::refuses(static_cast<unsigned>(access))) return nullptr;
  static const auto real = causeway::real<decltype(&ibv_reg_mr)>("ibv_reg_mr");
  return real(domain, address, length, access);
}

ibv_mr* ibv_reg_mr_iova2(ibv_pd* domain, void* address, size_t length,
                         uint64_t iova, unsigned int access) {
  if (causeway::refuses(access)) return nullptr;
  static const auto real =
      causeway::real<decltype(&ibv_reg_mr_iova2)>("ibv_reg_mr_iova2");
  return real(domain, address, length, iova, access);
}

}  // extern "C"
