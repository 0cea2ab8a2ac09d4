#include "hypervisor-shim/process/mapped_window.h"

#include <sys/mman.h>

#include <cerrno>

#include "hypervisor-shim/lab/guest_abi.h"

namespace causeway::process {

Result<MappedWindow> MappedWindow::create(const lab::GuestMemory& memory) {
  // Not NOREPLACE: the sanitizers reserve all of the middle of the address
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
