#include "dpdk-wan/port/eal.h"

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_log.h>
#include <rte_version.h>
#include <sched.h>
#include <spdlog/spdlog.h>
#include <stdio.h>

#include <filesystem>
#include <fstream>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "dpdk-wan/port/limits.h"
#include "engine/base/units.h"

namespace causeway {
namespace {

// What every port of a process needs at most, and something for DPDK's own
// tables. Ordinary memory of that size is only promised until it is used.
constexpr uint64_t kMemoryBytes = (kPortsMax * 32 + 64) << 20;
// Huge pages are given as they are needed: one port's worth must be there.
constexpr uint64_t kHugeBytesMin = 64u << 20;
constexpr size_t kComplaintBytesMax = 2048;

// DPDK's environment is the process's; so is what we know of it.
struct Environment {
  std::mutex mutex;
  std::optional<Status> state;  // none: not tried yet
  bool has_pci = false;
  std::mutex complaint_mutex;  // the drivers complain while the other is held
  std::string complaints;
};

Environment& environment() {
  static Environment the_one;
  return the_one;
}

ssize_t keep_complaint(void*, const char* text, size_t bytes) {
  Environment& env = environment();
  const std::lock_guard lock(env.complaint_mutex);
  env.complaints.append(text, bytes);
  if (env.complaints.size() > kComplaintBytesMax) {
    env.complaints.erase(0, env.complaints.size() - kComplaintBytesMax);
  }
  return static_cast<ssize_t>(bytes);
}

void catch_complaints() {
  cookie_io_functions_t functions{};
  functions.write = keep_complaint;
  FILE* stream = ::fopencookie(nullptr, "w", functions);
  if (stream == nullptr) return;
  ::setvbuf(stream, nullptr, _IOLBF, BUFSIZ);
  ::rte_openlog_stream(stream);
}

uint64_t free_huge_bytes() {
  uint64_t bytes = 0;
  std::error_code error;
  for (const auto& size :
       std::filesystem::directory_iterator("/sys/kernel/mm/hugepages", error)) {
    const std::string name = size.path().filename();  // hugepages-2048kB
    uint64_t free = 0;
    std::ifstream(size.path() / "free_hugepages") >> free;
    const size_t digits = name.find_first_of("0123456789");
    if (digits == std::string::npos) continue;
    bytes += free * std::stoull(name.substr(digits)) * 1024;
  }
  return bytes;
}

// Where its "main lcore" is said to be. It must be one where we may run.
int any_cpu() {
  cpu_set_t set;
  if (::sched_getaffinity(0, sizeof set, &set) != 0) return 0;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &set)) return cpu;
  }
  return 0;
}

std::vector<std::string> eal_arguments(const std::string& pci_device,
                                       bool huge) {
  // No other process joins; of files it leaves an empty folder.
  std::vector<std::string> arguments{"causeway", "--no-telemetry",
                                     fmt::format("--lcores=0@{}", any_cpu()),
                                     "--log-level=*:warning"};
  if (pci_device.empty()) {
    arguments.insert(arguments.end(), {"--no-pci", "--iova-mode=va"});
  } else {
    arguments.insert(arguments.end(), {"--allow", pci_device});
  }
  if (huge) {
    arguments.push_back("--in-memory");
  } else {
    arguments.insert(arguments.end(), {"--no-huge", "--no-shconf", "-m",
                                       std::to_string(kMemoryBytes >> 20)});
  }
  return arguments;
}

// On a thread of its own: EAL binds the one that calls it to a CPU.
int init_eal(std::vector<std::string> arguments) {
  int error = 0;
  std::thread([&] {
    std::vector<char*> argv;
    argv.reserve(arguments.size() + 1);
    for (std::string& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    const int count = static_cast<int>(arguments.size());
    if (::rte_eal_init(count, argv.data()) < 0) error = rte_errno;
  }).join();
  return error;
}

Status first_set_up(const std::string& pci_device) {
  const uint64_t huge_bytes = free_huge_bytes();
  const bool huge = huge_bytes >= kHugeBytesMin;
  catch_complaints();
  if (const int error = init_eal(eal_arguments(pci_device, huge)); error != 0) {
    return make_error(
        ErrorCode::kNoSpace,
        "DPDK cannot be set up ({}): {} of huge pages are free "
        "(/proc/sys/vm/nr_hugepages), or {} of ordinary memory would do. {}",
        ::rte_strerror(error), format_bytes(huge_bytes),
        format_bytes(kMemoryBytes), take_eal_complaints());
  }
  spdlog::info("{} in {}: {} of huge pages are free", ::rte_version(),
               huge ? "huge pages" : "ordinary memory",
               format_bytes(huge_bytes));
  return {};
}

}  // namespace

Status set_up_eal(const std::string& pci_device) {
  Environment& env = environment();
  const std::lock_guard lock(env.mutex);
  if (!env.state) {
    env.has_pci = !pci_device.empty();
    env.state = first_set_up(pci_device);
  }
  if (*env.state && !pci_device.empty() && !env.has_pci) {
    return make_error(ErrorCode::kInvalidArgument,
                      "{} comes too late: DPDK looks at the PCI bus once. Name "
                      "PCI devices before virtual ones.",
                      pci_device);
  }
  return *env.state;
}

std::string take_eal_complaints() {
  Environment& env = environment();
  const std::lock_guard lock(env.complaint_mutex);
  std::string taken = std::move(env.complaints);
  env.complaints.clear();
  for (char& c : taken) {
    if (c == '\n') c = ' ';
  }
  while (!taken.empty() && taken.back() == ' ') taken.pop_back();
  return taken;
}

}  // namespace causeway
