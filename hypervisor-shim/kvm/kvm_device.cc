#include "hypervisor-shim/kvm/kvm_device.h"

#include <fcntl.h>
#include <grp.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>

namespace causeway::kvm {

namespace {

constexpr const char* kPath = "/dev/kvm";

Error open_error(int errno_value) {
  struct stat status {};
  if (errno_value == ENOENT) {
    return make_error(ErrorCode::kNotFound,
                      "this host has no /dev/kvm: turn on virtualization in "
                      "its firmware or its hypervisor, and load kvm_intel or "
                      "kvm_amd");
  }
  if ((errno_value == EACCES || errno_value == EPERM) &&
      ::stat(kPath, &status) == 0) {
    const group* const owner = ::getgrgid(status.st_gid);
    return make_error(ErrorCode::kPermission,
                      "no right to open /dev/kvm (mode {:o}, group {}): run "
                      "as root or join that group (usermod -aG {} USER)",
                      status.st_mode & 0777, owner ? owner->gr_name : "?",
                      owner ? owner->gr_name : "kvm");
  }
  return errno_error(errno_value, "open /dev/kvm");
}

struct Needed {
  int extension;
  const char* name;
};

constexpr std::array<Needed, 5> kNeeded = {{
    {KVM_CAP_USER_MEMORY, "KVM_CAP_USER_MEMORY"},
    {KVM_CAP_IMMEDIATE_EXIT, "KVM_CAP_IMMEDIATE_EXIT"},
    {KVM_CAP_XCRS, "KVM_CAP_XCRS"},
    {KVM_CAP_VCPU_ATTRIBUTES, "KVM_CAP_VCPU_ATTRIBUTES (Linux 5.16)"},
    {KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2, "KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2"},
}};

}  // namespace

Result<KvmDevice> KvmDevice::open() {
  UniqueFd fd(::open(kPath, O_RDWR | O_CLOEXEC));
  if (!fd) return open_error(errno);
  KvmDevice device(std::move(fd));
  const int version = ::ioctl(device.fd(), KVM_GET_API_VERSION, 0);
  if (version != KVM_API_VERSION) {
    return make_error(ErrorCode::kIncompatible,
                      "/dev/kvm speaks API version {}, this VMM {}", version,
                      KVM_API_VERSION);
  }
  for (const auto& needed : kNeeded) {
    if (device.check(needed.extension) > 0) continue;
    return make_error(ErrorCode::kIncompatible,
                      "this host's KVM lacks {}: a newer kernel is needed",
                      needed.name);
  }
  return device;
}

int KvmDevice::check(int extension) const {
  return ::ioctl(fd(), KVM_CHECK_EXTENSION, extension);
}

bool kvm_usable(std::string* why) {
  const auto device = KvmDevice::open();
  if (device) return true;
  if (why != nullptr) *why = device.error().message;
  return false;
}

Status kvm_ioctl(int fd, unsigned long request, const void* argument,
                 const char* name) {
  if (::ioctl(fd, request, argument) >= 0) return {};
  return errno_error(errno, name);
}

}  // namespace causeway::kvm
