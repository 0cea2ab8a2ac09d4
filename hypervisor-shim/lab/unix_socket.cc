#include "hypervisor-shim/lab/unix_socket.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace causeway::lab {

namespace {

Result<sockaddr_un> address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof(address.sun_path)) {
    return make_error(ErrorCode::kInvalidArgument,
                      "the socket path '{}' must have 1 to {} characters: "
                      "choose a shorter directory",
                      path, sizeof(address.sun_path) - 1);
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

Result<UniqueFd> stream_socket() {
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd) return errno_error(errno, "make a UNIX socket");
  return fd;
}

}  // namespace

Result<UniqueFd> connect_unix(const std::string& path) {
  CAUSEWAY_ASSIGN(const sockaddr_un address, address_of(path));
  CAUSEWAY_ASSIGN(UniqueFd fd, stream_socket());
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address),
                sizeof(address)) != 0) {
    const Error error = errno_error(errno, "connect to " + path);
    return Error{errno == ECONNREFUSED || errno == ENOENT
                     ? ErrorCode::kUnreachable
                     : error.code,
                 error.message};
  }
  return fd;
}

Result<UniqueFd> listen_unix(const std::string& path) {
  CAUSEWAY_ASSIGN(const sockaddr_un address, address_of(path));
  if (connect_unix(path)) {
    return make_error(ErrorCode::kAlreadyExists,
                      "another process listens at {}", path);
  }
  struct stat status {};
  if (::lstat(path.c_str(), &status) == 0 && S_ISSOCK(status.st_mode)) {
    ::unlink(path.c_str());
  }
  CAUSEWAY_ASSIGN(UniqueFd fd, stream_socket());
  // The mode of the socket's inode, before bind() makes the file from it.
  if (::fchmod(fd.get(), 0600) != 0 ||
      ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address),
             sizeof(address)) != 0 ||
      ::chmod(path.c_str(), 0600) != 0 || ::listen(fd.get(), 8) != 0) {
    return errno_error(errno, "listen at " + path);
  }
  return fd;
}

}  // namespace causeway::lab
