#include "hypervisor-shim/lab/block_device.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include <cerrno>
#include <system_error>
#include <utility>

#include "engine/base/units.h"
#include "hypervisor-shim/lab/disk_ring.h"
#include "hypervisor-shim/lab/state_sections.h"

namespace causeway::lab {

namespace {

constexpr uint64_t kStopReaper = UINT64_MAX;

Error disk_error(ErrorCode code, const std::string& path,
                 const std::string& what) {
  return make_error(code, "the disk {}: {}", path, what);
}

Result<uint64_t> size_of(int fd, const std::string& path) {
  struct stat status {};
  if (::fstat(fd, &status) != 0) {
    return disk_error(ErrorCode::kIo, path,
                      std::generic_category().message(errno));
  }
  if (S_ISREG(status.st_mode)) return static_cast<uint64_t>(status.st_size);
  uint64_t bytes = 0;
  if (!S_ISBLK(status.st_mode) || ::ioctl(fd, BLKGETSIZE64, &bytes) != 0) {
    return disk_error(ErrorCode::kInvalidArgument, path,
                      "it is neither a file nor a block device");
  }
  return bytes;
}

// How a held flush is written into the state.
struct SavedFlush {
  uint32_t vcpu;
  uint32_t slot;
  uint64_t id;
};

}  // namespace

Result<DiskFile> open_disk(const std::string& path, uint64_t bytes) {
  DiskFile disk;
  disk.fd.reset(::open(path.c_str(), O_RDWR | O_CLOEXEC));
  if (!disk.fd) {
    const Error error = errno_error(errno, "open");
    return disk_error(error.code, path, std::generic_category().message(errno));
  }
  CAUSEWAY_ASSIGN(const uint64_t size, size_of(disk.fd.get(), path));
  if (size < bytes) {
    return disk_error(
        ErrorCode::kInvalidArgument, path,
        fmt::format("it has {} bytes, the guest's disk {}: enlarge it "
                    "(truncate -s {}) or correct --disk-bytes",
                    size, bytes, bytes));
  }
  disk.bytes = bytes != 0 ? bytes : size;
  if (disk.bytes % GUEST_BLOCK_BYTES != 0) {
    return disk_error(ErrorCode::kInvalidArgument, path,
                      fmt::format("its {} bytes are not a multiple of {}",
                                  disk.bytes, GUEST_BLOCK_BYTES));
  }
  if (disk.bytes < kDiskBytesMin || disk.bytes > kDiskBytesMax) {
    return disk_error(
        ErrorCode::kInvalidArgument, path,
        fmt::format("a guest's disk has {} to {}, not {}",
                    format_bytes(kDiskBytesMin), format_bytes(kDiskBytesMax),
                    format_bytes(disk.bytes)));
  }
  return disk;
}

Result<std::unique_ptr<BlockDevice>> BlockDevice::create(
    const GuestMemory& memory, DiskFile disk, DeviceWrites& writes,
    std::function<void(uint32_t)> completed) {
  std::unique_ptr<BlockDevice> device(
      new BlockDevice(memory, std::move(disk), writes, std::move(completed)));
  // One entry more than there are slots, for the end of the reaper.
  CAUSEWAY_TRY(open_disk_ring(2 * kDiskRequestsMax, &device->ring_));
  device->reaper_ = std::thread([raw = device.get()] { raw->reap(); });
  return device;
}

BlockDevice::BlockDevice(const GuestMemory& memory, DiskFile disk,
                         DeviceWrites& writes,
                         std::function<void(uint32_t)> completed)
    : memory_(memory),
      disk_(std::move(disk)),
      writes_(writes),
      completed_(std::move(completed)) {}

BlockDevice::~BlockDevice() {
  if (!reaper_.joinable()) return;
  {
    std::unique_lock lock(mutex_);
    drained_.wait(lock, [this] { return !moving(); });
    io_uring_sqe* const entry = ::io_uring_get_sqe(&ring_);
    CAUSEWAY_ASSERT(entry != nullptr);
    ::io_uring_prep_nop(entry);
    ::io_uring_sqe_set_data64(entry, kStopReaper);
    ::io_uring_submit(&ring_);
  }
  reaper_.join();
  ::io_uring_queue_exit(&ring_);
}

void BlockDevice::submit(uint32_t vcpu, uint32_t mask) {
  CAUSEWAY_ASSERT(vcpu < GUEST_VCPUS_MAX);
  std::lock_guard lock(mutex_);
  for (uint32_t slot = 0; slot < GUEST_DISK_SLOTS; ++slot) {
    if (mask & (1u << slot)) start(vcpu, slot);
  }
  ::io_uring_submit(&ring_);
}

// Guest memory is read once, into our own copy, and only that is checked.
void BlockDevice::start(uint32_t vcpu, uint32_t slot) {
  const uint32_t index = vcpu * GUEST_DISK_SLOTS + slot;
  Request& request = requests_[index];
  if (request.phase != Phase::kFree) return;  // the guest broke the rules
  request.vcpu = vcpu;
  request.slot = slot;
  request.guest = *memory_.at<GuestDiskRequest>(
      GUEST_CPU_GPA + vcpu * GUEST_CPU_AREA_BYTES + GUEST_CPU_REQUESTS_OFFSET +
      slot * sizeof(GuestDiskRequest));
  if (!valid(request.guest)) {
    complete(request, EINVAL);
    return;
  }
  request.phase = Phase::kInFlight;
  queue(request, index);
}

bool BlockDevice::valid(const GuestDiskRequest& request) const {
  if (request.operation == GUEST_DISK_FLUSH) return true;
  if (request.operation != GUEST_DISK_READ &&
      request.operation != GUEST_DISK_WRITE) {
    return false;
  }
  const uint64_t blocks = disk_.bytes / GUEST_BLOCK_BYTES;
  const uint64_t bytes = uint64_t{request.blocks} * GUEST_BLOCK_BYTES;
  return request.blocks > 0 && bytes <= GUEST_DISK_SLOT_BYTES &&
         request.block < blocks && request.blocks <= blocks - request.block &&
         request.buffer_gpa < memory_.bytes() &&
         bytes <= memory_.bytes() - request.buffer_gpa;
}

void BlockDevice::queue(const Request& request, uint32_t index) {
  io_uring_sqe* const entry = ::io_uring_get_sqe(&ring_);
  CAUSEWAY_ASSERT(entry != nullptr);  // the ring has room for every slot
  const GuestDiskRequest& guest = request.guest;
  const uint32_t bytes = guest.blocks * GUEST_BLOCK_BYTES;
  const uint64_t offset = guest.block * GUEST_BLOCK_BYTES;
  if (guest.operation == GUEST_DISK_FLUSH) {
    ::io_uring_prep_fsync(entry, fd(), IORING_FSYNC_DATASYNC);
  } else if (guest.operation == GUEST_DISK_WRITE) {
    ::io_uring_prep_write(entry, fd(), memory_.data() + guest.buffer_gpa, bytes,
                          offset);
  } else {
    ::io_uring_prep_read(entry, fd(), memory_.data() + guest.buffer_gpa, bytes,
                         offset);
  }
  ::io_uring_sqe_set_data64(entry, index);
}

void BlockDevice::reap() {
  for (;;) {
    io_uring_cqe* entry = nullptr;
    const int returned = ::io_uring_wait_cqe(&ring_, &entry);
    if (returned == -EINTR) continue;
    CAUSEWAY_ASSERT(returned == 0);
    const uint64_t data = ::io_uring_cqe_get_data64(entry);
    const int result = entry->res;
    ::io_uring_cqe_seen(&ring_, entry);
    if (data == kStopReaper) return;
    finish(static_cast<uint32_t>(data), result);
  }
}

void BlockDevice::finish(uint32_t index, int result) {
  CAUSEWAY_ASSERT(index < kDiskRequestsMax);
  std::lock_guard lock(mutex_);
  Request& request = requests_[index];
  CAUSEWAY_ASSERT(request.phase == Phase::kInFlight);
  const int errno_value = judge(request, result);
  if (paused_ && request.guest.operation == GUEST_DISK_FLUSH) {
    request.phase = Phase::kHeld;
    request.held_errno = errno_value;
    return;
  }
  complete(request, errno_value);
  request.phase = Phase::kFree;
  if (!moving()) drained_.notify_all();
}

// 0 or an errno. The disk was large enough when it was opened, so a short
// transfer is an error.
int BlockDevice::judge(const Request& request, int result) {
  const GuestDiskRequest& guest = request.guest;
  const int expected = guest.operation == GUEST_DISK_FLUSH
                           ? 0
                           : static_cast<int>(guest.blocks * GUEST_BLOCK_BYTES);
  if (result == expected) return 0;
  const int errno_value = result < 0 ? -result : EIO;
  const char* const what = guest.operation == GUEST_DISK_READ    ? "read"
                           : guest.operation == GUEST_DISK_WRITE ? "write"
                                                                 : "flush";
  errors_.count += 1;
  errors_.last =
      fmt::format("the disk failed to {} {} blocks from block {} on: {}", what,
                  guest.blocks, guest.block,
                  result < 0 ? std::generic_category().message(errno_value)
                             : "it ended early");
  return errno_value;
}

// Everything is reported before the request stops to be in flight, so that
// after pause() nothing is left to report.
void BlockDevice::complete(const Request& request, int errno_value) {
  const GuestDiskRequest& guest = request.guest;
  const uint64_t bytes = uint64_t{guest.blocks} * GUEST_BLOCK_BYTES;
  if (errno_value != EINVAL && guest.operation == GUEST_DISK_WRITE) {
    writes_.wrote(kDiskRegion, guest.block * GUEST_BLOCK_BYTES, bytes);
  }
  if (errno_value != EINVAL && guest.operation == GUEST_DISK_READ) {
    writes_.wrote(kRamRegion, guest.buffer_gpa, bytes);
  }
  const uint64_t gpa = GUEST_CPU_GPA + request.vcpu * GUEST_CPU_AREA_BYTES +
                       GUEST_CPU_COMPLETIONS_OFFSET +
                       request.slot * sizeof(GuestDiskCompletion);
  auto* const completion = memory_.at<GuestDiskCompletion>(gpa);
  completion->errno_value = static_cast<uint32_t>(errno_value);
  __atomic_store_n(&completion->id, guest.id, __ATOMIC_RELEASE);
  writes_.wrote(kRamRegion, gpa, sizeof(GuestDiskCompletion));
  completed_(request.vcpu);
}

bool BlockDevice::moving() const {
  for (const Request& request : requests_) {
    if (request.phase != Phase::kInFlight) continue;
    if (!paused_ || request.guest.operation != GUEST_DISK_FLUSH) return true;
  }
  return false;
}

void BlockDevice::pause() {
  std::unique_lock lock(mutex_);
  paused_ = true;
  drained_.wait(lock, [this] { return !moving(); });
}

void BlockDevice::resume() {
  std::lock_guard lock(mutex_);
  paused_ = false;
  for (Request& request : requests_) {
    if (request.phase != Phase::kHeld) continue;
    complete(request, request.held_errno);
    request.phase = Phase::kFree;
  }
  for (const Request& owed : std::exchange(owed_flushes_, {})) {
    const uint32_t index = owed.vcpu * GUEST_DISK_SLOTS + owed.slot;
    requests_[index] = owed;
    requests_[index].phase = Phase::kInFlight;
    queue(requests_[index], index);
  }
  ::io_uring_submit(&ring_);
}

void BlockDevice::save(StateWriter& out) const {
  std::lock_guard lock(mutex_);
  CAUSEWAY_ASSERT(paused_);
  std::vector<SavedFlush> flushes;
  for (const Request& request : requests_) {
    if (request.phase == Phase::kFree) continue;
    flushes.push_back({request.vcpu, request.slot, request.guest.id});
  }
  for (const Request& owed : owed_flushes_) {
    flushes.push_back({owed.vcpu, owed.slot, owed.guest.id});
  }
  out.add(kSectionHeldFlushes, 0, std::as_bytes(std::span(flushes)));
}

Status BlockDevice::load(const StateReader& in) {
  CAUSEWAY_ASSIGN(const auto bytes, in.find(kSectionHeldFlushes, 0));
  if (bytes.size() % sizeof(SavedFlush) != 0 ||
      bytes.size() / sizeof(SavedFlush) > kDiskRequestsMax) {
    return make_error(ErrorCode::kPeerBroken,
                      "the guest state has {} bytes of held flushes",
                      bytes.size());
  }
  std::vector<Request> owed;
  for (size_t at = 0; at < bytes.size(); at += sizeof(SavedFlush)) {
    SavedFlush saved{};
    std::memcpy(&saved, bytes.data() + at, sizeof(saved));
    if (saved.vcpu >= GUEST_VCPUS_MAX || saved.slot >= GUEST_DISK_SLOTS) {
      return make_error(ErrorCode::kPeerBroken,
                        "the guest state holds a flush of vCPU {}, slot {}",
                        saved.vcpu, saved.slot);
    }
    Request request;
    request.vcpu = saved.vcpu;
    request.slot = saved.slot;
    request.guest.operation = GUEST_DISK_FLUSH;
    request.guest.id = saved.id;
    owed.push_back(request);
  }
  std::lock_guard lock(mutex_);
  owed_flushes_ = std::move(owed);
  return {};
}

BlockDevice::Errors BlockDevice::errors() const {
  std::lock_guard lock(mutex_);
  return errors_;
}

}  // namespace causeway::lab
