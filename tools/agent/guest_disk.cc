#include "tools/agent/guest_disk.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "engine/base/limits.h"
#include "engine/base/unique_fd.h"
#include "engine/base/units.h"
#include "engine/guest/region.h"

namespace causeway {
namespace {

// The operator's own file or block device.
Status complete_disk_file(control::GuestConfig* config) {
  const std::string& path = config->disk_path();
  if (path.front() != '/') {
    return make_error(ErrorCode::kInvalidArgument,
                      "the disk file {} needs a whole path: the agent runs in "
                      "another folder",
                      path);
  }
  const UniqueFd fd(::open(path.c_str(), O_RDWR | O_CLOEXEC));
  if (!fd && errno == ENOENT) {
    return make_error(ErrorCode::kNotFound,
                      "the disk file {} does not exist; make it, or give a "
                      "size alone to have one made",
                      path);
  }
  if (!fd) return errno_error(errno, "opening the disk file " + path);
  const off_t end = lseek(fd.get(), 0, SEEK_END);
  if (end < 0) return errno_error(errno, "the size of the disk file " + path);
  const auto file_bytes = static_cast<uint64_t>(end);
  if (config->disk_bytes() == 0) config->set_disk_bytes(file_bytes);
  if (config->disk_bytes() > file_bytes) {
    return make_error(ErrorCode::kInvalidArgument,
                      "the disk file {} has {} bytes, less than the {} bytes "
                      "that were said",
                      path, file_bytes, config->disk_bytes());
  }
  return {};
}

}  // namespace

Status complete_disk(control::GuestConfig* config) {
  if (!config->disk_path().empty()) CAUSEWAY_TRY(complete_disk_file(config));
  if (config->disk_bytes() % kBlockBytes != 0) {
    return make_error(ErrorCode::kInvalidArgument,
                      "a disk of {} bytes is not a multiple of {}",
                      config->disk_bytes(), kBlockBytes);
  }
  if (config->disk_bytes() > kRegionBytesMax) {
    return make_error(ErrorCode::kInvalidArgument,
                      "a disk of {} is more than a guest can have, {}",
                      format_bytes(config->disk_bytes()),
                      format_bytes(kRegionBytesMax));
  }
  return {};
}

Status make_disk(const std::string& path, uint64_t bytes) {
  const UniqueFd fd(
      ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!fd) return errno_error(errno, "making the disk file " + path);
  if (ftruncate(fd.get(), static_cast<off_t>(bytes)) != 0) {
    return errno_error(errno, "giving the disk file " + path + " its size");
  }
  return {};
}

Status check_whole_disk(const control::GuestConfig& config,
                        const std::string& made, const std::string& host_name) {
  if (config.disk_bytes() == 0) return {};
  const std::string path =
      config.disk_path().empty() ? made : config.disk_path();
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return errno_error(errno, "opening the disk " + path);
  const off_t end = lseek(fd.get(), 0, SEEK_END);
  if (end < 0) return errno_error(errno, "the size of the disk " + path);
  if (static_cast<uint64_t>(end) >= config.disk_bytes()) return {};
  return make_error(ErrorCode::kIo,
                    "the disk {} of guest {} has {} bytes now, not the {} "
                    "that the guest knows; it cannot be read to its end; "
                    "guest {} runs on at {}",
                    path, config.name(), end, config.disk_bytes(),
                    config.name(), host_name);
}

}  // namespace causeway
