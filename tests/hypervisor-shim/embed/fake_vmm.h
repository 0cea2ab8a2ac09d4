// FakeVmm: a guest without a CPU, behind the real shim: it records what it is
// asked and answers what a test wants. RAM is 64 blocks, the disk 32.
#pragma once

#include <atomic>
#include <chrono>
#include <cstring>
#include <mutex>
#include <string>
#include <vector>

#include "engine/base/unique_fd.h"
#include "hypervisor-shim/embed/causeway_shim.h"

namespace causeway {

class FakeVmm {
 public:
  static constexpr uint64_t kRamBlocks = 64;
  static constexpr uint64_t kDiskBlocks = 32;

  explicit FakeVmm(const std::string& name = "fake");
  ~FakeVmm();

  const std::string& socket_path() const { return socket_path_; }
  cw_shim* shim() const { return shim_; }
  int create_failure() const { return create_failure_; }

  // What a vCPU does: the next collect reports it.
  void write_block(uint64_t block);

  std::atomic<int> pauses{0};
  std::atomic<int> resumes{0};
  std::atomic<int> tracking_stops{0};
  std::atomic<bool> running{true};

  // What the next calls return, and how long a pause takes; what
  // pause and resume say of the moment.
  std::atomic<int> pause_result{0};
  std::atomic<int> load_result{0};
  std::atomic<int> collect_result{0};
  std::atomic<int> pause_ms{0};
  std::atomic<uint64_t> moment_ns{0};  // 0: it does not know

  // Set before the shim is asked.
  std::vector<char> state = {'s', 't', 'a', 't', 'e'};
  std::vector<char> loaded;
  std::string missing_feature;
  std::vector<std::pair<uint64_t, uint64_t>> rearmed;

 private:
  static cw_vmm_ops ops();

  UniqueFd ram_;
  UniqueFd disk_;
  std::string directory_;
  std::string socket_path_;
  std::atomic<uint64_t> dirty_{0};
  cw_shim* shim_ = nullptr;
  int create_failure_ = 0;
};

}  // namespace causeway
