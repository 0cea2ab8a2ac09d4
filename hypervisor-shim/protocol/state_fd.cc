#include "hypervisor-shim/protocol/state_fd.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>

#include "hypervisor-shim/protocol/limits.h"

namespace causeway::shim {

Result<UniqueFd> make_state_fd(std::span<const std::byte> state) {
  CAUSEWAY_ASSERT(state.size() <= kStateBytesMax);
  UniqueFd fd(
      ::memfd_create("causeway-state", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!fd) return errno_error(errno, "memfd for the guest's state");
  while (!state.empty()) {
    const ssize_t written = ::write(fd.get(), state.data(), state.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return errno_error(errno, "write the guest's state");
    state = state.subspan(static_cast<size_t>(written));
  }
  if (::fcntl(fd.get(), F_ADD_SEALS,
              F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) != 0) {
    return errno_error(errno, "seal the guest's state");
  }
  return fd;
}

Result<std::vector<std::byte>> read_state_fd(int fd, uint64_t bytes) {
  CAUSEWAY_ASSERT(bytes <= kStateBytesMax);
  std::vector<std::byte> state(bytes);
  uint64_t done = 0;
  while (done < bytes) {
    const ssize_t got = ::pread(fd, state.data() + done, bytes - done,
                                static_cast<off_t>(done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return errno_error(errno, "read the guest's state");
    if (got == 0) {
      return make_error(ErrorCode::kPeerBroken,
                        "guest state: {} bytes were said, {} are there", bytes,
                        done);
    }
    done += static_cast<uint64_t>(got);
  }
  return state;
}

}  // namespace causeway::shim
