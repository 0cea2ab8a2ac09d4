#include "hypervisor-shim/lab/sandbox.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <sched.h>
#include <seccomp.h>
#include <spdlog/spdlog.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <filesystem>

#include "engine/base/unique_fd.h"

namespace causeway::lab {

namespace {

#ifdef CAUSEWAY_SANITIZED
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
#endif

constexpr uint64_t kRemovals =
    LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR;

constexpr std::array kCalls = {
    // the C library
    SCMP_SYS(brk), SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(madvise),
    SCMP_SYS(futex), SCMP_SYS(set_robust_list), SCMP_SYS(rseq),
    SCMP_SYS(restart_syscall), SCMP_SYS(sched_getaffinity),
    SCMP_SYS(clock_gettime), SCMP_SYS(getrandom), SCMP_SYS(getpid),
    SCMP_SYS(gettid), SCMP_SYS(exit), SCMP_SYS(exit_group),
    // vCPU threads: kicks, and a guest in a signal's frame
    SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn),
    SCMP_SYS(sigaltstack),
    // sockets, logs, events, the fault that is planted on a disk
    SCMP_SYS(poll), SCMP_SYS(read), SCMP_SYS(write), SCMP_SYS(writev),
    SCMP_SYS(pread64), SCMP_SYS(pwrite64), SCMP_SYS(close), SCMP_SYS(accept4),
    SCMP_SYS(recvfrom), SCMP_SYS(recvmsg), SCMP_SYS(sendto), SCMP_SYS(sendmsg),
    SCMP_SYS(getsockopt), SCMP_SYS(geteuid),
    // the state on its way to the mover
    SCMP_SYS(memfd_create), SCMP_SYS(fcntl),
    // the disk, by a ring that can do nothing else (disk_ring.h)
    SCMP_SYS(io_uring_enter),
    // the sockets at the end (drop_privileges)
    SCMP_SYS(unlink)};

// Time zones, /sys.
constexpr std::array kFailing = {SCMP_SYS(openat), SCMP_SYS(newfstatat),
                                 SCMP_SYS(readlink)};

class Filter {
 public:
  Filter() : context_(::seccomp_init(SCMP_ACT_KILL_PROCESS)) {
    if (context_ == nullptr) failure_ = -ENOMEM;
    set(SCMP_FLTATR_CTL_TSYNC, 1);
    set(SCMP_FLTATR_CTL_OPTIMIZE, 2);  // a tree, not a list
  }
  ~Filter() { ::seccomp_release(context_); }
  Filter(const Filter&) = delete;
  Filter& operator=(const Filter&) = delete;

  void allow(int call) { add(SCMP_ACT_ALLOW, call, {}); }
  void allow(int call, scmp_arg_cmp when) {
    add(SCMP_ACT_ALLOW, call, {&when, 1});
  }
  void fail(int call, uint16_t errno_value) {
    add(SCMP_ACT_ERRNO(errno_value), call, {});
  }

  // For this thread and all others.
  Status load() {
    if (failure_ == 0) failure_ = ::seccomp_load(context_);
    if (failure_ == 0) return {};
    return errno_error(-failure_, "limit the VMM's system calls");
  }

 private:
  void set(scmp_filter_attr attribute, uint32_t value) {
    if (failure_ == 0)
      failure_ = ::seccomp_attr_set(context_, attribute, value);
  }
  void add(uint32_t action, int call, std::span<const scmp_arg_cmp> when) {
    if (failure_ != 0) return;
    failure_ = ::seccomp_rule_add_array(context_, action, call,
                                        static_cast<unsigned>(when.size()),
                                        when.data());
  }

  scmp_filter_ctx context_;
  int failure_ = 0;  // the first one
};

scmp_arg_cmp is(unsigned argument, uint64_t value) {
  return {argument, SCMP_CMP_EQ, value, 0};
}
scmp_arg_cmp has(unsigned argument, uint64_t mask, uint64_t value) {
  return {argument, SCMP_CMP_MASKED_EQ, mask, value};
}

Status clear_capabilities() {
  __user_cap_header_struct head{_LINUX_CAPABILITY_VERSION_3, 0};
  const __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {};
  if (::syscall(SYS_capset, &head, none) == 0) return {};
  return errno_error(errno, "give up the VMM's capabilities");
}

UniqueFd removals_ruleset() {
  landlock_ruleset_attr attribute{};
  attribute.handled_access_fs = kRemovals;
  return UniqueFd(static_cast<int>(::syscall(
      SYS_landlock_create_ruleset, &attribute, sizeof(attribute), 0)));
}

Status allow_removals(int ruleset, const std::string& folder) {
  const UniqueFd fd(::open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  landlock_path_beneath_attr beneath{};
  beneath.allowed_access = LANDLOCK_ACCESS_FS_REMOVE_FILE;
  beneath.parent_fd = fd.get();
  if (fd && ::syscall(SYS_landlock_add_rule, ruleset,
                      LANDLOCK_RULE_PATH_BENEATH, &beneath, 0) == 0) {
    return {};
  }
  return errno_error(errno, "limit what is removed to " + folder);
}

Status confine_removals(std::span<const std::string> sockets) {
  const UniqueFd ruleset = removals_ruleset();
  if (!ruleset) {
    spdlog::warn(
        "this kernel has no Landlock: the VMM may remove files as far "
        "as its user may");
    return {};
  }
  for (const std::string& socket : sockets) {
    const auto folder = std::filesystem::path(socket).parent_path();
    CAUSEWAY_TRY(
        allow_removals(ruleset.get(), folder.empty() ? "." : folder.string()));
  }
  if (::syscall(SYS_landlock_restrict_self, ruleset.get(), 0) == 0) return {};
  return errno_error(errno, "limit what the VMM may remove");
}

}  // namespace

Status drop_privileges(std::span<const std::string> sockets) {
  // Root may lock any amount of guest memory, and shall still.
  const rlimit any{RLIM_INFINITY, RLIM_INFINITY};
  (void)::setrlimit(RLIMIT_MEMLOCK, &any);
  // Refused to who is not root, and has none to lose.
  for (int one = 0; ::prctl(PR_CAPBSET_READ, one, 0, 0, 0) >= 0; ++one) {
    (void)::prctl(PR_CAPBSET_DROP, one, 0, 0, 0);
  }
  (void)::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  CAUSEWAY_TRY(clear_capabilities());
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
    return errno_error(errno, "renounce new privileges");
  return confine_removals(sockets);
}

Status forbid_system_calls(std::span<const unsigned long> ioctls) {
  if (kSanitized) return {};
  Filter filter;
  for (const int call : kCalls) filter.allow(call);
  for (const int call : kFailing) filter.fail(call, EACCES);
  for (const unsigned long request : ioctls) {
    filter.allow(SCMP_SYS(ioctl), is(1, request));
  }
  // No new code.
  filter.allow(SCMP_SYS(mmap), has(2, PROT_EXEC, 0));
  filter.allow(SCMP_SYS(mprotect), has(2, PROT_EXEC, 0));
  // Threads, and no processes. The flags of clone3 are in memory, where no
  // filter sees them; without it the C library takes clone.
  filter.allow(SCMP_SYS(clone), has(0, CLONE_THREAD, CLONE_THREAD));
  filter.fail(SCMP_SYS(clone3), ENOSYS);
  // Signals to itself alone.
  filter.allow(SCMP_SYS(tgkill), is(0, static_cast<uint64_t>(::getpid())));
  for (const uint64_t option : {PR_SET_NAME, PR_SET_TIMERSLACK}) {
    filter.allow(SCMP_SYS(prctl), is(0, option));
  }
  return filter.load();
}

}  // namespace causeway::lab
