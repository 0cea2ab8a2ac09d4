// What a sandboxed process may still do, and what ends it. Each case is a
// process of its own, for what is given up does not come back.
#include "hypervisor-shim/lab/sandbox.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/landlock.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <fstream>
#include <functional>
#include <string>
#include <thread>

#include "engine/base/unique_fd.h"

namespace causeway::lab {
namespace {

constexpr int kWell = 0;
constexpr int kNotSo = 1;

// Its socket would be in /tmp.
bool drop() {
  return drop_privileges(std::array{std::string("/tmp/sock")}).has_value();
}

bool remove(const char* path) { return ::unlink(path) == 0; }

bool sandbox() {
  constexpr std::array<unsigned long, 1> kIoctls = {FIONREAD};
  return drop() && forbid_system_calls(kIoctls).has_value();
}

// In a process that has done `first`.
[[noreturn]] void act_after(bool (*first)(), const std::function<bool()>& act) {
  ::_exit(first() && act() ? kWell : kNotSo);
}

std::string status_line(const std::string& name) {
  std::ifstream status("/proc/self/status");
  std::string line;
  while (std::getline(status, line)) {
    if (line.starts_with(name + ":\t")) return line.substr(name.size() + 2);
  }
  return "";
}

TEST(Privileges, NoneIsLeftAndNoneComesBack) {
  const std::string none(16, '0');
  EXPECT_EXIT(act_after(drop,
                        [&] {
                          const bool may_drop = ::geteuid() == 0;
                          return status_line("CapEff") == none &&
                                 status_line("CapPrm") == none &&
                                 status_line("CapAmb") == none &&
                                 (!may_drop || status_line("CapBnd") == none) &&
                                 status_line("NoNewPrivs") == "1";
                        }),
              testing::ExitedWithCode(kWell), "");
}

// Where the kernel has Landlock.
TEST(Privileges, FilesAreRemovedBesideTheSocketsAlone) {
  if (::syscall(SYS_landlock_create_ruleset, nullptr, 0,
                LANDLOCK_CREATE_RULESET_VERSION) < 0) {
    GTEST_SKIP() << "this kernel has no Landlock";
  }
  char beside[] = "/tmp/causeway-sandbox-XXXXXX";
  char elsewhere[] = "/dev/shm/causeway-sandbox-XXXXXX";
  UniqueFd(::mkstemp(beside)).reset();
  UniqueFd(::mkstemp(elsewhere)).reset();
  EXPECT_EXIT(act_after(drop,
                        [&] {
                          return remove(beside) && !remove(elsewhere) &&
                                 errno == EACCES;
                        }),
              testing::ExitedWithCode(kWell), "");
  EXPECT_FALSE(remove(beside));
  EXPECT_TRUE(remove(elsewhere));
}

class Sandbox : public testing::Test {
 protected:
  void SetUp() override {
#ifdef CAUSEWAY_SANITIZED
    GTEST_SKIP() << "a build with sanitizers forbids no system calls";
#endif
  }
  static void expect_well(const std::function<bool()>& act) {
    EXPECT_EXIT(act_after(sandbox, act), testing::ExitedWithCode(kWell), "");
  }
  static void expect_killed(const std::function<bool()>& act) {
    EXPECT_EXIT(act_after(sandbox, act), testing::KilledBySignal(SIGSYS), "");
  }
};

TEST_F(Sandbox, WhatAGuestNeedsGoesOn) {
  expect_well([] {
    bool ran = false;
    std::thread([&] { ran = true; }).join();
    return ran;
  });
  expect_well([] {
    return ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE,
                  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED;
  });
  expect_well([] {
    int bytes = 0;
    return ::ioctl(-1, FIONREAD, &bytes) == -1 && errno == EBADF;
  });
}

TEST_F(Sandbox, NoOtherFileIsOpened) {
  expect_well([] {
    return ::open("/dev/null", O_RDONLY | O_CLOEXEC) == -1 && errno == EACCES;
  });
}

TEST_F(Sandbox, NoProcessIsStartedAndNoneSignalled) {
  expect_killed([] { return ::execl("/bin/true", "true", nullptr) == 0; });
  expect_killed([] { return ::fork() >= 0; });
  expect_killed([] { return ::kill(::getppid(), 0) == 0; });
  expect_killed([] { return ::tgkill(::getppid(), ::getppid(), 0) == 0; });
}

TEST_F(Sandbox, NoCodeIsAddedAndNothingIsConnected) {
  expect_killed([] {
    return ::mmap(nullptr, 4096, PROT_READ | PROT_EXEC,
                  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED;
  });
  expect_killed([] { return ::socket(AF_UNIX, SOCK_STREAM, 0) >= 0; });
  expect_killed([] { return ::ioctl(0, TIOCGWINSZ, nullptr) == 0; });
}

// The threads that were there before, too.
TEST_F(Sandbox, EveryThreadIsInIt) {
  EXPECT_EXIT(
      {
        std::atomic<bool> now{false};
        std::thread other([&] {
          while (!now) std::this_thread::yield();
          ::socket(AF_UNIX, SOCK_STREAM, 0);
          ::_exit(kNotSo);
        });
        now = sandbox();
        other.join();
      },
      testing::KilledBySignal(SIGSYS), "");
}

}  // namespace
}  // namespace causeway::lab
