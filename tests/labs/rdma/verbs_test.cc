// What the rdma path will stand on, on real verbs: two devices that rdma_cm
// joins by address, WRITEs into a memfd that another mapping reads, READs out
// of it, keys that are refused, and what a registration does to holes.
// run ("tests/labs/rdma") gives it a place with two such devices.
#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/core.h>
#include <gtest/gtest.h>
#include <infiniband/verbs.h>
#include <linux/falloc.h>
#include <poll.h>
#include <rdma/rdma_cma.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <random>
#include <span>
#include <sstream>
#include <string>
#include <vector>

#include "engine/base/unique_fd.h"

namespace causeway {
namespace {

using Clock = std::chrono::steady_clock;
constexpr size_t kPageBytes = 4096;
constexpr size_t kMiB = 1 << 20;
constexpr int kWaitMs = 10'000;  // for one event; a busy TCG is slow
constexpr uint32_t kQueueDepth = 64;
constexpr uint32_t kNotice = 0xCA05E3A1;
constexpr int kReadAndWrite =
    IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_WRITE | IBV_ACCESS_REMOTE_READ;

template <auto Fn>
struct Calls {
  template <typename T>
  void operator()(T* what) const {
    Fn(what);
  }
};
using Channel =
    std::unique_ptr<rdma_event_channel, Calls<&rdma_destroy_event_channel>>;
using Queue = std::unique_ptr<ibv_cq, Calls<&ibv_destroy_cq>>;
using Registration = std::unique_ptr<ibv_mr, Calls<&ibv_dereg_mr>>;

struct DestroyId {
  void operator()(rdma_cm_id* id) const {
    if (id->qp != nullptr) rdma_destroy_qp(id);
    rdma_destroy_id(id);
  }
};
using Id = std::unique_ptr<rdma_cm_id, DestroyId>;

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

sockaddr_in address_of(const std::string& text) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  EXPECT_EQ(::inet_pton(AF_INET, text.c_str(), &address.sin_addr), 1) << text;
  return address;
}

// A guest's RAM: a memfd, mapped as the mover has it and as the VMM has it.
class Ram {
 public:
  explicit Ram(size_t bytes)
      : bytes_(bytes), fd_(::memfd_create("ram", MFD_CLOEXEC)) {
    EXPECT_EQ(::ftruncate(fd_.get(), static_cast<off_t>(bytes)), 0);
    mover_ = map();
    vmm_ = map();
  }
  ~Ram() {
    ::munmap(mover_, bytes_);
    ::munmap(vmm_, bytes_);
  }
  Ram(const Ram&) = delete;
  Ram& operator=(const Ram&) = delete;

  std::byte* mover() const { return mover_; }
  std::span<std::byte> vmm() const { return {vmm_, bytes_}; }
  size_t bytes() const { return bytes_; }
  uint64_t at(size_t offset) const {
    return reinterpret_cast<uint64_t>(mover_ + offset);
  }
  // What the memfd has of pages, holes not counted.
  size_t allocated_bytes() const {
    struct stat info {};
    EXPECT_EQ(::fstat(fd_.get(), &info), 0);
    return static_cast<size_t>(info.st_blocks) * 512;
  }
  void punch(size_t offset, size_t bytes) {
    EXPECT_EQ(
        ::fallocate(fd_.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                    static_cast<off_t>(offset), static_cast<off_t>(bytes)),
        0);
  }
  void fill(uint32_t seed) {
    std::mt19937_64 random(seed);
    for (size_t i = 0; i < bytes_; i += sizeof(uint64_t)) {
      const uint64_t value = random();
      std::memcpy(vmm_ + i, &value, sizeof(value));
    }
  }
  Registration registered(ibv_pd* pd, int access = kReadAndWrite) const {
    return Registration(ibv_reg_mr(pd, mover_, bytes_, access));
  }

 private:
  std::byte* map() {
    void* at = ::mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_SHARED,
                      fd_.get(), 0);
    EXPECT_NE(at, MAP_FAILED);
    return static_cast<std::byte*>(at);
  }

  size_t bytes_;
  UniqueFd fd_;
  std::byte* mover_ = nullptr;
  std::byte* vmm_ = nullptr;
};

// One end of a connection. Members go in reverse: the QP before its queue.
struct End {
  Queue queue;
  Id id;

  ibv_pd* pd() const { return id->pd; }

  // Device limits are asked for, never assumed.
  void open_queues() {
    queue.reset(ibv_create_cq(id->verbs, 2 * kQueueDepth, nullptr, nullptr, 0));
    ASSERT_TRUE(queue);
    ibv_qp_init_attr wanted{};
    wanted.qp_type = IBV_QPT_RC;
    wanted.send_cq = wanted.recv_cq = queue.get();
    wanted.cap.max_send_wr = wanted.cap.max_recv_wr = kQueueDepth;
    wanted.cap.max_send_sge = wanted.cap.max_recv_sge = 1;
    ASSERT_EQ(rdma_create_qp(id.get(), nullptr, &wanted), 0) << errno;
  }

  void post_receive() {
    ibv_recv_wr receive{};
    ibv_recv_wr* bad = nullptr;
    ASSERT_EQ(ibv_post_recv(id->qp, &receive, &bad), 0);
  }

  void post(ibv_wr_opcode opcode, uint64_t local, uint32_t bytes,
            uint32_t local_key, uint64_t remote, uint32_t remote_key) {
    ibv_sge piece{local, bytes, local_key};
    ibv_send_wr work{};
    ibv_send_wr* bad = nullptr;
    work.opcode = opcode;
    work.send_flags = IBV_SEND_SIGNALED;
    work.sg_list = &piece;
    work.num_sge = 1;
    work.imm_data = htonl(kNotice);
    work.wr.rdma.remote_addr = remote;
    work.wr.rdma.rkey = remote_key;
    ASSERT_EQ(ibv_post_send(id->qp, &work, &bad), 0);
  }

  // The next completion; never blocks for good.
  ibv_wc wait() {
    const Clock::time_point begin = Clock::now();
    ibv_wc done{};
    while (seconds_since(begin) * 1000 < kWaitMs) {
      const int count = ibv_poll_cq(queue.get(), 1, &done);
      if (count != 0) {
        EXPECT_EQ(count, 1);
        return done;
      }
    }
    ADD_FAILURE() << "no completion within " << kWaitMs << " ms";
    done.status = IBV_WC_GENERAL_ERR;
    return done;
  }
};

class VerbsTest : public testing::Test {
 protected:
  void SetUp() override {
    const char* addresses = std::getenv("CAUSEWAY_RDMA_ADDRESSES");
    ASSERT_NE(addresses, nullptr) << "start it by tests/labs/rdma/run";
    std::istringstream(addresses) >> source_address_ >> target_address_;
    connect();
  }

  void connect() {
    source_channel_.reset(rdma_create_event_channel());
    target_channel_.reset(rdma_create_event_channel());
    ASSERT_TRUE(source_channel_ && target_channel_);
    Id listener = make_id(target_channel_);
    sockaddr_in target = address_of(target_address_);
    ASSERT_EQ(
        rdma_bind_addr(listener.get(), reinterpret_cast<sockaddr*>(&target)),
        0);
    ASSERT_EQ(rdma_listen(listener.get(), 1), 0);
    target.sin_port = rdma_get_src_port(listener.get());

    source_.id = make_id(source_channel_);
    sockaddr_in source = address_of(source_address_);
    ASSERT_EQ(rdma_resolve_addr(source_.id.get(),
                                reinterpret_cast<sockaddr*>(&source),
                                reinterpret_cast<sockaddr*>(&target), kWaitMs),
              0);
    expect_event(source_channel_, RDMA_CM_EVENT_ADDR_RESOLVED);
    ASSERT_EQ(rdma_resolve_route(source_.id.get(), kWaitMs), 0);
    expect_event(source_channel_, RDMA_CM_EVENT_ROUTE_RESOLVED);
    source_.open_queues();
    rdma_conn_param wanted{};
    wanted.initiator_depth = wanted.responder_resources = 1;
    wanted.retry_count = wanted.rnr_retry_count = 7;
    ASSERT_EQ(rdma_connect(source_.id.get(), &wanted), 0);
    target_.id.reset(
        expect_event(target_channel_, RDMA_CM_EVENT_CONNECT_REQUEST));
    ASSERT_TRUE(target_.id);
    target_.open_queues();
    target_.post_receive();
    ASSERT_EQ(rdma_accept(target_.id.get(), &wanted), 0);
    expect_event(source_channel_, RDMA_CM_EVENT_ESTABLISHED);
    expect_event(target_channel_, RDMA_CM_EVENT_ESTABLISHED);
  }

  static Id make_id(const Channel& channel) {
    rdma_cm_id* id = nullptr;
    EXPECT_EQ(rdma_create_id(channel.get(), &id, nullptr, RDMA_PS_TCP), 0);
    return Id(id);
  }

  // Waits for that event; the id that it is about.
  static rdma_cm_id* expect_event(const Channel& channel,
                                  rdma_cm_event_type wanted) {
    pollfd ready{channel->fd, POLLIN, 0};
    if (::poll(&ready, 1, kWaitMs) != 1) {
      ADD_FAILURE() << "no " << rdma_event_str(wanted);
      return nullptr;
    }
    rdma_cm_event* event = nullptr;
    EXPECT_EQ(rdma_get_cm_event(channel.get(), &event), 0);
    EXPECT_EQ(event->event, wanted)
        << rdma_event_str(event->event) << ", status " << event->status;
    rdma_cm_id* id = event->id;
    rdma_ack_cm_event(event);
    return id;
  }

  // One operation between the two RAMs, at the same offset; what became of it.
  ibv_wc run(ibv_wr_opcode opcode, const Ram& local, const ibv_mr& local_key,
             const Ram& remote, uint32_t remote_key, size_t offset,
             uint32_t bytes) {
    source_.post(opcode, local.at(offset), bytes, local_key.lkey,
                 remote.at(offset), remote_key);
    return source_.wait();
  }

  std::string source_address_;
  std::string target_address_;
  Channel source_channel_;
  Channel target_channel_;
  End source_;
  End target_;
  const uint32_t seed_ = std::random_device{}();
  testing::ScopedTrace trace_{__FILE__, __LINE__,
                              fmt::format("seed {}", seed_)};
};

TEST_F(VerbsTest, DevicesAreTwoAndHaveWhatThePathNeeds) {
  EXPECT_STRNE(source_.id->verbs->device->name,
               target_.id->verbs->device->name);
  for (const End* end : {&source_, &target_}) {
    ibv_device_attr_ex device{};
    ASSERT_EQ(ibv_query_device_ex(end->id->verbs, nullptr, &device), 0);
    ibv_port_attr port{};
    ASSERT_EQ(ibv_query_port(end->id->verbs, end->id->port_num, &port), 0);
    fmt::print(
        "{}: max_qp_wr {}, max_sge {}, max_sge_rd {}, max_cqe {}, max_mr {}, "
        "max_mr_size {:#x}, page_size_cap {:#x}, max_qp_rd_atom {}, "
        "max_msg_sz {:#x}, active_mtu {}, on-demand paging {}\n",
        end->id->verbs->device->name, device.orig_attr.max_qp_wr,
        device.orig_attr.max_sge, device.orig_attr.max_sge_rd,
        device.orig_attr.max_cqe, device.orig_attr.max_mr,
        device.orig_attr.max_mr_size, device.orig_attr.page_size_cap,
        device.orig_attr.max_qp_rd_atom, port.max_msg_sz,
        128 << port.active_mtu,
        (device.odp_caps.general_caps & IBV_ODP_SUPPORT) != 0 ? "yes" : "no");
    EXPECT_EQ(port.state, IBV_PORT_ACTIVE);
    EXPECT_GE(device.orig_attr.max_qp_wr, static_cast<int>(kQueueDepth));
    EXPECT_GE(device.orig_attr.max_cqe, static_cast<int>(2 * kQueueDepth));
    EXPECT_GE(device.orig_attr.max_qp_rd_atom, 1);
    EXPECT_NE(device.orig_attr.page_size_cap & kPageBytes, 0u);
    EXPECT_GE(port.max_msg_sz, kMiB);
  }
}

TEST_F(VerbsTest, WritesLandInTheMemfdAndNowhereElse) {
  constexpr size_t kMoved = 32 * kMiB;
  Ram from(kMoved + 2 * kMiB);  // a MiB on either side that stays
  const Ram to(from.bytes());
  from.fill(seed_);
  const Registration from_key = from.registered(source_.pd());
  const Registration to_key = to.registered(target_.pd());
  ASSERT_TRUE(from_key && to_key) << errno;

  const Clock::time_point begin = Clock::now();
  for (size_t offset = kMiB; offset <= kMoved; offset += kMiB) {
    const bool last = offset == kMoved;
    source_.post(last ? IBV_WR_RDMA_WRITE_WITH_IMM : IBV_WR_RDMA_WRITE,
                 from.at(offset), kMiB, from_key->lkey, to.at(offset),
                 to_key->rkey);
  }
  const ibv_wc notice = target_.wait();
  const double taken_s = seconds_since(begin);
  ASSERT_EQ(notice.status, IBV_WC_SUCCESS) << ibv_wc_status_str(notice.status);
  EXPECT_EQ(notice.opcode, IBV_WC_RECV_RDMA_WITH_IMM);
  EXPECT_EQ(ntohl(notice.imm_data), kNotice);
  for (size_t i = 0; i < kMoved / kMiB; ++i)
    ASSERT_EQ(source_.wait().status, IBV_WC_SUCCESS) << i;

  // Through the other mapping: what the VMM sees.
  EXPECT_EQ(
      std::memcmp(to.vmm().data() + kMiB, from.vmm().data() + kMiB, kMoved), 0);
  const auto is_zero = [](std::byte byte) { return byte == std::byte{0}; };
  EXPECT_TRUE(std::ranges::all_of(to.vmm().first(kMiB), is_zero));
  EXPECT_TRUE(std::ranges::all_of(to.vmm().last(kMiB), is_zero));
  fmt::print("32 WRITEs of 1 MiB: {:.1f} MiB/s\n", 32 / taken_s);
}

TEST_F(VerbsTest, ReadsPullPages) {
  constexpr size_t kPulls = 200;
  const Ram here(kMiB);
  Ram there(kMiB);
  there.fill(seed_);
  const Registration here_key = here.registered(source_.pd());
  // Exposed to be read, as a source's RAM is: no right to write.
  const Registration there_key =
      there.registered(target_.pd(), IBV_ACCESS_REMOTE_READ);
  ASSERT_TRUE(here_key && there_key) << errno;
  std::vector<double> taken_us;
  for (size_t i = 0; i < kPulls; ++i) {
    const size_t page = i * kPageBytes;
    const Clock::time_point begin = Clock::now();
    const ibv_wc done = run(IBV_WR_RDMA_READ, here, *here_key, there,
                            there_key->rkey, page, kPageBytes);
    taken_us.push_back(seconds_since(begin) * 1e6);
    ASSERT_EQ(done.status, IBV_WC_SUCCESS) << ibv_wc_status_str(done.status);
    ASSERT_EQ(std::memcmp(here.vmm().data() + page, there.vmm().data() + page,
                          kPageBytes),
              0)
        << "page " << i;
  }
  std::ranges::nth_element(taken_us, taken_us.begin() + kPulls / 2);
  fmt::print("READ of 4 KiB: {:.0f} us, median of {}\n", taken_us[kPulls / 2],
             kPulls);
}

// Each refusal breaks the connection, and nothing lands.
TEST_F(VerbsTest, AWrongKeyIsRefused) {
  Ram from(kMiB);
  const Ram to(kMiB);
  from.fill(seed_);
  const Registration from_key = from.registered(source_.pd());
  const Registration to_key = to.registered(target_.pd());
  EXPECT_EQ(run(IBV_WR_RDMA_WRITE, from, *from_key, to, to_key->rkey ^ 0x5A00,
                0, kPageBytes)
                .status,
            IBV_WC_REM_ACCESS_ERR);
  EXPECT_EQ(to.vmm()[0], std::byte{0});
  EXPECT_EQ(
      run(IBV_WR_RDMA_WRITE, from, *from_key, to, to_key->rkey, 0, kPageBytes)
          .status,
      IBV_WC_WR_FLUSH_ERR);
}

TEST_F(VerbsTest, AWriteAcrossTheEndIsRefused) {
  Ram from(kMiB);
  const Ram to(kMiB);
  from.fill(seed_);
  const Registration from_key = from.registered(source_.pd());
  const Registration to_key = to.registered(target_.pd());
  source_.post(IBV_WR_RDMA_WRITE, from.at(0), 2 * kPageBytes, from_key->lkey,
               to.at(kMiB - kPageBytes), to_key->rkey);
  EXPECT_EQ(source_.wait().status, IBV_WC_REM_ACCESS_ERR);
  EXPECT_EQ(to.vmm()[kMiB - kPageBytes], std::byte{0});
}

TEST_F(VerbsTest, AKeyForReadingIsRefusedForWriting) {
  Ram from(kMiB);
  const Ram to(kMiB);
  from.fill(seed_);
  const Registration from_key = from.registered(source_.pd());
  const Registration to_key =
      to.registered(target_.pd(), IBV_ACCESS_REMOTE_READ);
  EXPECT_EQ(
      run(IBV_WR_RDMA_WRITE, from, *from_key, to, to_key->rkey, 0, kPageBytes)
          .status,
      IBV_WC_REM_ACCESS_ERR);
  EXPECT_EQ(to.vmm()[0], std::byte{0});
}

TEST_F(VerbsTest, AWithdrawnKeyIsRefused) {
  Ram from(kMiB);
  const Ram to(kMiB);
  from.fill(seed_);
  const Registration from_key = from.registered(source_.pd());
  Registration to_key = to.registered(target_.pd());
  const uint32_t stale = to_key->rkey;
  to_key.reset();
  EXPECT_EQ(
      run(IBV_WR_RDMA_WRITE, from, *from_key, to, stale, 0, kPageBytes).status,
      IBV_WC_REM_ACCESS_ERR);
  EXPECT_EQ(to.vmm()[0], std::byte{0});
}

// Why the path registers what the guest has, in chunks: a registration without
// on-demand paging makes every hole a page, also one that may only be read.
TEST_F(VerbsTest, ARegistrationFillsHoles) {
  constexpr size_t kSparse = 16 * kMiB;
  for (const int access : {kReadAndWrite, int{IBV_ACCESS_REMOTE_READ}}) {
    const Ram ram(kSparse);
    EXPECT_EQ(ram.allocated_bytes(), 0u);
    const Clock::time_point begin = Clock::now();
    const Registration key = ram.registered(target_.pd(), access);
    ASSERT_TRUE(key) << errno;
    fmt::print("registering 16 MiB of holes, access {}: {:.1f} ms\n", access,
               seconds_since(begin) * 1000);
    EXPECT_EQ(ram.allocated_bytes(), kSparse);
  }
}

// Why registered RAM is never punched: the device keeps the old page.
TEST_F(VerbsTest, AWriteAfterAPunchIsLost) {
  Ram from(kMiB);
  Ram to(kMiB);
  from.fill(seed_);
  const Registration from_key = from.registered(source_.pd());
  const Registration to_key = to.registered(target_.pd());
  to.punch(0, kPageBytes);
  ASSERT_EQ(run(IBV_WR_RDMA_WRITE, from, *from_key, to, to_key->rkey, 0,
                2 * kPageBytes)
                .status,
            IBV_WC_SUCCESS);
  EXPECT_EQ(std::ranges::count(to.vmm().first(kPageBytes), std::byte{0}),
            static_cast<ptrdiff_t>(kPageBytes));
  EXPECT_EQ(std::memcmp(to.vmm().data() + kPageBytes,
                        from.vmm().data() + kPageBytes, kPageBytes),
            0);
}

}  // namespace
}  // namespace causeway
