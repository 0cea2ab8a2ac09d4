#include "hypervisor-shim/lab/disk_ring.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>

#include <array>
#include <cerrno>

#include "engine/base/unique_fd.h"

namespace causeway::lab {
namespace {

class DiskRing : public testing::Test {
 protected:
  DiskRing() { EXPECT_TRUE(open_disk_ring(8, &ring_)); }
  ~DiskRing() override { io_uring_queue_exit(&ring_); }

  io_uring_sqe* next() { return io_uring_get_sqe(&ring_); }
  int result() {
    io_uring_submit(&ring_);
    io_uring_cqe* entry = nullptr;
    EXPECT_EQ(io_uring_wait_cqe(&ring_, &entry), 0);
    const int result = entry->res;
    io_uring_cqe_seen(&ring_, entry);
    return result;
  }

  io_uring ring_{};
};

TEST_F(DiskRing, ReadsWritesAndSyncs) {
  const UniqueFd file(::memfd_create("disk", MFD_CLOEXEC));
  std::array<char, 4> bytes = {'d', 'i', 's', 'k'};
  io_uring_prep_write(next(), file.get(), bytes.data(), bytes.size(), 0);
  EXPECT_EQ(result(), 4);
  io_uring_prep_fsync(next(), file.get(), IORING_FSYNC_DATASYNC);
  EXPECT_EQ(result(), 0);
  std::array<char, 4> read{};
  io_uring_prep_read(next(), file.get(), read.data(), read.size(), 0);
  EXPECT_EQ(result(), 4);
  EXPECT_EQ(read, bytes);
}

TEST_F(DiskRing, DoesNothingElse) {
  io_uring_prep_openat(next(), AT_FDCWD, "/dev/null", O_RDONLY, 0);
  EXPECT_EQ(result(), -EACCES);
  io_uring_prep_unlink(next(), "/nowhere", 0);
  EXPECT_EQ(result(), -EACCES);
}

}  // namespace
}  // namespace causeway::lab
