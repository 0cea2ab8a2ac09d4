#include "hypervisor-shim/process/mapped_window.h"

#include <sys/mman.h>

#include <cerrno>

#include "hypervisor-shim/lab/guest_abi.h"

namespace causeway::process {

namespace {

#if defined(__SANITIZE_THREAD__)
constexpr bool kThreadSanitizer = true;
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
constexpr bool kThreadSanitizer = true;
#else
constexpr bool kThreadSanitizer = false;
#endif
#else
constexpr bool kThreadSanitizer = false;
#endif

}  // namespace

Result<MappedWindow> MappedWindow::create(const lab::GuestMemory& memory) {
  if (kThreadSanitizer) {
    return make_error(ErrorCode::kIncompatible,
                      "process VMM: this build has ThreadSanitizer, which "
                      "keeps its own memory where the guest's must be; use "
                      "another build");
  }
  // Not NOREPLACE: AddressSanitizer reserves all of the middle of the address
  // space, where nothing else is ever mapped.
  void* at = ::mmap(reinterpret_cast<void*>(GUEST_VIRTUAL_BASE), memory.bytes(),
                    PROT_READ | PROT_WRITE | PROT_EXEC,
                    MAP_SHARED | MAP_FIXED | MAP_NORESERVE, memory.fd(), 0);
  if (at == MAP_FAILED)
    return errno_error(errno, "process VMM: map the guest's RAM");
  return MappedWindow({static_cast<std::byte*>(at), memory.bytes()});
}

MappedWindow::~MappedWindow() {
  if (!span_.empty()) ::munmap(span_.data(), span_.size());
}

}  // namespace causeway::process
