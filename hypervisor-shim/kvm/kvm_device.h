// KvmDevice: /dev/kvm, opened and found able; kvm_ioctl().
#pragma once

#include <linux/kvm.h>
#include <sys/ioctl.h>

#include <string>

#include "engine/base/result.h"
#include "engine/base/unique_fd.h"

namespace causeway::kvm {

class KvmDevice {
 public:
  // kNotFound: no /dev/kvm. kPermission names the group. kIncompatible: the
  // kernel lacks something that is needed, by name.
  static Result<KvmDevice> open();

  int fd() const { return fd_.get(); }
  int check(int extension) const;

 private:
  explicit KvmDevice(UniqueFd fd) : fd_(std::move(fd)) {}

  UniqueFd fd_;
};

// Can guests run on KVM here? Else `why` is a sentence.
bool kvm_usable(std::string* why);

// ioctl() that says which call failed.
Status kvm_ioctl(int fd, unsigned long request, const void* argument,
                 const char* name);

}  // namespace causeway::kvm
