#include "tools/content/source_file.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>

#include "engine/base/limits.h"
#include "engine/guest/region.h"

namespace causeway {
namespace {

namespace fs = std::filesystem;

Result<std::string> real_path(const std::string& path) {
  std::error_code error;
  const fs::path real = fs::canonical(path, error);
  // A link that the kernel alone can follow: a memfd, /proc/PID/fd/N.
  if (std::error_code gone; error && fs::exists(path, gone)) {
    return fs::absolute(path).lexically_normal().string();
  }
  if (error) return errno_error(error.value(), path);
  return real.string();
}

// What is in a folder; files that go away meanwhile are no trouble.
Status list_folder(const std::string& folder, std::vector<std::string>* files) {
  std::error_code error;
  fs::recursive_directory_iterator at(
      folder, fs::directory_options::skip_permission_denied, error);
  for (; !error && at != fs::recursive_directory_iterator();
       at.increment(error)) {
    std::error_code gone;
    if (!at->is_symlink(gone) && at->is_regular_file(gone) &&
        at->file_size(gone) >= kBlockBytes && !gone) {
      files->push_back(at->path().string());
    }
  }
  if (error) return errno_error(error.value(), "Looking into " + folder);
  return {};
}

}  // namespace

Result<SourceFile> SourceFile::open(const std::string& path) {
  SourceFile file;
  CAUSEWAY_ASSIGN(file.path_, real_path(path));
  file.fd_.reset(
      ::open(file.path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  struct stat info {};
  if (!file.fd_ || ::fstat(file.fd(), &info) != 0) {
    return errno_error(errno, "Opening " + file.path_);
  }
  if (S_ISBLK(info.st_mode)) {
    if (::ioctl(file.fd(), BLKGETSIZE64, &file.size_bytes_) != 0) {
      return errno_error(errno, "Asking for the size of " + file.path_);
    }
  } else if (S_ISREG(info.st_mode)) {
    file.size_bytes_ = static_cast<uint64_t>(info.st_size);
    file.mtime_ns_ = info.st_mtim.tv_sec * 1'000'000'000 + info.st_mtim.tv_nsec;
  } else {
    return make_error(ErrorCode::kInvalidArgument,
                      "{} is neither a file nor a block device.", file.path_);
  }
  if (file.size_bytes_ <= kRegionBytesMax) return file;
  return make_error(ErrorCode::kInvalidArgument,
                    "{} has {} bytes; {} can be indexed.", file.path_,
                    file.size_bytes_, kRegionBytesMax);
}

std::optional<DataExtent> SourceFile::data_from(uint64_t from) const {
  if (from >= size_bytes_) return std::nullopt;
  const DataExtent rest{from, size_bytes_};
  const off_t begin = ::lseek(fd(), static_cast<off_t>(from), SEEK_DATA);
  if (begin < 0) return errno == ENXIO ? std::nullopt : std::optional(rest);
  const off_t end = ::lseek(fd(), begin, SEEK_HOLE);
  if (end < 0) return rest;
  return DataExtent{static_cast<uint64_t>(begin),
                    std::min(static_cast<uint64_t>(end), size_bytes_)};
}

Result<std::vector<std::string>> list_sources(
    const std::vector<std::string>& paths) {
  std::vector<std::string> files;
  for (const std::string& path : paths) {
    CAUSEWAY_ASSIGN(const std::string real, real_path(path));
    std::error_code error;
    if (fs::is_directory(real, error)) {
      CAUSEWAY_TRY(list_folder(real, &files));
    } else {
      files.push_back(real);
    }
  }
  std::ranges::sort(files);
  files.erase(std::unique(files.begin(), files.end()), files.end());
  return files;
}

}  // namespace causeway
