// BlockDevice: the guest's paravirtual disk on a raw file or block device,
// through io_uring. The guest fills a slot of its vCPU (guest_abi.h) and kicks;
// the completion is written into guest memory.
//
// Reports to DeviceWrites, before the guest sees a completion: what a write
// changed on the disk, what a read changed in RAM, the completion itself.
//
// Threads: submit() on vCPU threads; a thread of its own reaps; the rest is
// called by one thread at a time.
//
// A flush may take long and can be repeated, so pause() does not wait for it:
// it stays owed to the guest, and is started again at the target.
#pragma once

#include <liburing.h>

#include <array>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "engine/base/result.h"
#include "engine/base/unique_fd.h"
#include "hypervisor-shim/lab/device_writes.h"
#include "hypervisor-shim/lab/guest_memory.h"
#include "hypervisor-shim/lab/limits.h"
#include "hypervisor-shim/lab/state_blob.h"

namespace causeway::lab {

// An open disk whose size is known and right.
struct DiskFile {
  UniqueFd fd;
  uint64_t bytes = 0;
};

// `bytes` 0: all of it. kNotFound, kPermission, kInvalidArgument (smaller than
// said, not a file or block device, not a multiple of 4096) name the path.
Result<DiskFile> open_disk(const std::string& path, uint64_t bytes);

class BlockDevice {
 public:
  // `completed(vcpu)` is called after each completion, on the reaping thread.
  static Result<std::unique_ptr<BlockDevice>> create(
      const GuestMemory& memory, DiskFile disk, DeviceWrites& writes,
      std::function<void(uint32_t)> completed);
  ~BlockDevice();

  // Starts the requests in the slots of `mask`.
  void submit(uint32_t vcpu, uint32_t mask);

  // Returns when no read or write is in flight; flushes are held. No vCPU
  // runs meanwhile.
  void pause();
  void resume();

  // The held flushes; paused.
  void save(StateWriter& out) const;
  Status load(const StateReader& in);

  int fd() const { return disk_.fd.get(); }
  uint64_t bytes() const { return disk_.bytes; }

  struct Errors {
    uint64_t count = 0;
    std::string last;  // a sentence
  };
  Errors errors() const;

 private:
  enum class Phase { kFree, kInFlight, kHeld };
  struct Request {
    Phase phase = Phase::kFree;
    uint32_t vcpu = 0;
    uint32_t slot = 0;
    GuestDiskRequest guest{};
    int held_errno = 0;
  };

  BlockDevice(const GuestMemory& memory, DiskFile disk, DeviceWrites& writes,
              std::function<void(uint32_t)> completed);

  void start(uint32_t vcpu, uint32_t slot);  // mutex_ held
  bool valid(const GuestDiskRequest& request) const;
  void queue(const Request& request, uint32_t index);  // mutex_ held
  void reap();
  void finish(uint32_t index, int result);
  int judge(const Request& request, int result);  // mutex_ held
  void complete(const Request& request, int errno_value);
  bool moving() const;  // a read or write is in flight; mutex_ held

  const GuestMemory& memory_;
  DiskFile disk_;
  DeviceWrites& writes_;
  std::function<void(uint32_t)> completed_;
  io_uring ring_{};

  mutable std::mutex mutex_;
  std::condition_variable drained_;
  std::array<Request, kDiskRequestsMax> requests_;
  bool paused_ = false;
  std::vector<Request> owed_flushes_;  // loaded; started by resume()
  Errors errors_;
  std::thread reaper_;
};

}  // namespace causeway::lab
