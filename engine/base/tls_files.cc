#include "engine/base/tls_files.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

namespace causeway {
namespace {

Status check_readable(const std::string& path, const char* what) {
  if (::access(path.c_str(), R_OK) == 0) return {};
  return errno_error(errno, fmt::format("Cannot read {}, {}", path, what));
}

}  // namespace

TlsFiles TlsFiles::in_folder(const std::string& folder) {
  return {folder + "/ca.crt", folder + "/host.crt", folder + "/host.key"};
}

Status TlsFiles::check() const {
  CAUSEWAY_TRY(check_readable(ca, "the CA that both hosts trust"));
  CAUSEWAY_TRY(check_readable(certificate, "this host's certificate"));
  CAUSEWAY_TRY(check_readable(key, "this host's private key"));
  struct stat stat {};
  if (::stat(key.c_str(), &stat) != 0) {
    return errno_error(errno, "Cannot look at " + key);
  }
  if ((stat.st_mode & 077) == 0) return {};
  return make_error(ErrorCode::kPermission,
                    "Others than its owner may read the private key {}: "
                    "chmod 600 it.",
                    key);
}

}  // namespace causeway
