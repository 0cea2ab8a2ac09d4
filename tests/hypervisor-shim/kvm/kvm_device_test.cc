#include "hypervisor-shim/kvm/kvm_device.h"

#include <grp.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>

namespace causeway::kvm {
namespace {

// Exits with 0 when a user without rights gets the right refusal.
[[noreturn]] void open_as_nobody() {
  constexpr uid_t kNobody = 65534;
  if (::setgroups(0, nullptr) != 0 || ::setgid(kNobody) != 0 ||
      ::setuid(kNobody) != 0) {
    std::_Exit(1);
  }
  std::string why;
  const bool usable = kvm_usable(&why);
  const auto device = KvmDevice::open();
  const bool right = !usable && !device &&
                     device.error().code == ErrorCode::kPermission &&
                     why.find("no right to open /dev/kvm") == 0 &&
                     why.find("usermod -aG") != std::string::npos;
  if (!right) std::fprintf(stderr, "it says: %s\n", why.c_str());
  std::_Exit(right ? 0 : 2);
}

TEST(KvmDevice, WithoutTheRightItNamesTheGroup) {
  struct stat status {};
  if (::stat("/dev/kvm", &status) != 0) GTEST_SKIP() << "no /dev/kvm";
  if (::geteuid() != 0) GTEST_SKIP() << "only root can become nobody";
  if (status.st_mode & 0006) GTEST_SKIP() << "/dev/kvm is open to everyone";
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) open_as_nobody();
  int ended = 0;
  ASSERT_EQ(::waitpid(child, &ended, 0), child);
  EXPECT_TRUE(WIFEXITED(ended) && WEXITSTATUS(ended) == 0);
}

}  // namespace
}  // namespace causeway::kvm
