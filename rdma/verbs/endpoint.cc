#include "rdma/verbs/endpoint.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

namespace causeway {
namespace {

constexpr size_t kPageBytes = 4096;

// By CAP_IPC_LOCK; RLIMIT_MEMLOCK is then not looked at.
bool may_lock_all() {
  __user_cap_header_struct head{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3] = {};
  return ::syscall(SYS_capget, &head, sets) == 0 &&
         (sets[0].effective & 1u << CAP_IPC_LOCK) != 0;
}

// ENOMEM and EPERM are what the kernel says when RLIMIT_MEMLOCK is too small.
Error registration_error(int errno_value, size_t bytes) {
  rlimit limit{};
  ::getrlimit(RLIMIT_MEMLOCK, &limit);
  const bool limited = limit.rlim_cur != RLIM_INFINITY && !may_lock_all() &&
                       (errno_value == ENOMEM || errno_value == EPERM);
  if (!limited) {
    return errno_error(errno_value, fmt::format("registering {} bytes", bytes));
  }
  return make_error(ErrorCode::kNoSpace,
                    "registering {} bytes: this process may lock {} KiB of "
                    "memory; set LimitMEMLOCK=infinity for the agent (ulimit "
                    "-l unlimited), or give it CAP_IPC_LOCK",
                    bytes, limit.rlim_cur >> 10);
}

}  // namespace

Status set_nonblocking(int fd) {
  const int flags = ::fcntl(fd, F_GETFL);
  if (flags < 0 || ::fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0) {
    return errno_error(errno, "fcntl of a verbs channel");
  }
  return {};
}

void RdmaEndpoint::Free::operator()(std::byte* memory) const {
  std::free(memory);
}

Result<std::unique_ptr<RdmaEndpoint>> RdmaEndpoint::make(
    ConnectionId id, EventChannel events, const DeviceLimits& limits) {
  std::unique_ptr<RdmaEndpoint> endpoint(
      new RdmaEndpoint(std::move(id), std::move(events)));
  CAUSEWAY_TRY(endpoint->open(limits));
  return endpoint;
}

RdmaEndpoint::~RdmaEndpoint() { disconnect(); }

void RdmaEndpoint::shorten_not_ready() {
  ibv_qp_attr wanted{};
  wanted.min_rnr_timer = kRdmaNotReadyTimer;
  [[maybe_unused]] const int rc =
      ibv_modify_qp(id_->qp, &wanted, IBV_QP_MIN_RNR_TIMER);
}

void RdmaEndpoint::disconnect() {
  if (id_ == nullptr || id_->qp == nullptr) return;
  rdma_disconnect(id_.get());
  // rdma_destroy_qp() would not say whether it is gone; what cannot be taken
  // from the device by us goes with the process. EIO: the device itself is
  // being taken away; the kernel destroys what is on it, in its own time. Until
  // then what keeps late WRITEs off is the source, whose own queue pair is gone
  // before anything of it goes another way, and the fence before PREPARED.
  const int error = ibv_destroy_qp(id_->qp);
  CAUSEWAY_ASSERT(error == 0 || error == EIO);
  id_->qp = nullptr;
}

Status RdmaEndpoint::open(const DeviceLimits& limits) {
  CAUSEWAY_ASSIGN(const DeviceLimits device, device_limits(id_->verbs));
  limits_ = device.within(limits);
  limit_reads(
      static_cast<uint8_t>(std::min<uint32_t>(limits_.reads, UINT8_MAX)));
  CAUSEWAY_ASSIGN(depths_, queue_depths(limits_));
  CAUSEWAY_TRY(open_queues());
  return open_buffers();
}

Status RdmaEndpoint::open_queues() {
  domain_.reset(ibv_alloc_pd(id_->verbs));
  if (!domain_) return errno_error(errno, "ibv_alloc_pd");
  completions_.reset(ibv_create_comp_channel(id_->verbs));
  if (!completions_) return errno_error(errno, "ibv_create_comp_channel");
  CAUSEWAY_TRY(set_nonblocking(completions_->fd));
  CAUSEWAY_TRY(set_nonblocking(events_->fd));
  // All that can be on its way: an overrun would lose completions.
  const auto entries = static_cast<int>(depths_.requests + depths_.messages);
  queue_.reset(
      ibv_create_cq(id_->verbs, entries, nullptr, completions_.get(), 0));
  if (!queue_) return errno_error(errno, "ibv_create_cq");
  ibv_qp_init_attr wanted{};
  wanted.qp_type = IBV_QPT_RC;
  wanted.send_cq = wanted.recv_cq = queue_.get();
  wanted.cap.max_send_wr = depths_.requests;
  wanted.cap.max_recv_wr = depths_.messages;
  wanted.cap.max_send_sge = wanted.cap.max_recv_sge = 1;
  if (rdma_create_qp(id_.get(), domain_.get(), &wanted) != 0) {
    return errno_error(errno, "rdma_create_qp");
  }
  requests_.resize(size_t{kRdmaMessageWritesMax} + 1);
  pieces_.resize(requests_.size());
  return {};
}

Status RdmaEndpoint::open_buffers() {
  const size_t bytes = 2 * size_t{depths_.messages} * kRdmaMessageBytes;
  buffers_.reset(
      static_cast<std::byte*>(std::aligned_alloc(kPageBytes, bytes)));
  CAUSEWAY_ASSERT(buffers_ != nullptr);
  CAUSEWAY_ASSIGN(buffers_key_, register_memory({buffers_.get(), bytes},
                                                IBV_ACCESS_LOCAL_WRITE));
  for (uint32_t i = 0; i < depths_.messages; ++i) CAUSEWAY_TRY(take_again(i));
  return {};
}

Result<MemoryRegion> RdmaEndpoint::register_memory(
    std::span<const std::byte> memory, int access) {
  MemoryRegion region(ibv_reg_mr(domain_.get(),
                                 const_cast<std::byte*>(memory.data()),
                                 memory.size(), access));
  if (!region) return registration_error(errno, memory.size());
  return region;
}

std::span<std::byte> RdmaEndpoint::outgoing(uint32_t buffer) {
  return {buffer_at(depths_.messages + buffer), kRdmaMessageBytes};
}

std::span<const std::byte> RdmaEndpoint::incoming(uint32_t buffer) const {
  return {buffer_at(buffer), kRdmaMessageBytes};
}

Instant RdmaEndpoint::wait_on(WaitSet& set) const {
  set.add(completions_->fd, POLLIN);
  set.add(events_->fd, POLLIN);
  return kNever;
}

Error RdmaEndpoint::broken(const char* call, int errno_value) const {
  return make_error(ErrorCode::kConnectionLost,
                    "the RDMA connection to {} broke: {}: {}", peer_, call,
                    std::strerror(errno_value));
}

// An event of the completion channel says that the queue is worth a look.
Status RdmaEndpoint::take_event() {
  ibv_cq* queue = nullptr;
  void* unused = nullptr;
  if (ibv_get_cq_event(completions_.get(), &queue, &unused) != 0) {
    if (errno == EAGAIN) return {};
    return broken("ibv_get_cq_event", errno);
  }
  ibv_ack_cq_events(queue, 1);
  armed_ = Armed::kNot;
  return {};
}

// What the connection manager has to say is always an end: also that the device
// is taken away, while the queue pair still works. A device whose driver cannot
// take it from its users (Soft-RoCE) is there until this process ends.
Status RdmaEndpoint::check_connection() {
  rdma_cm_event* event = nullptr;
  if (rdma_get_cm_event(events_.get(), &event) != 0) {
    if (errno == EAGAIN) return {};
    return broken("rdma_get_cm_event", errno);
  }
  const rdma_cm_event_type what = event->event;
  rdma_ack_cm_event(event);
  if (what == RDMA_CM_EVENT_ESTABLISHED) return {};
  return make_error(ErrorCode::kConnectionLost,
                    "the RDMA connection to {} has ended: {}", peer_,
                    rdma_event_str(what));
}

Result<size_t> RdmaEndpoint::poll(std::span<RdmaCompletion> out) {
  CAUSEWAY_ASSIGN(const size_t found, poll_queue(out));
  // The manager is asked by a system call: not before each sleep, and not all
  // the time by who does not sleep. Who was woken by it is back at once.
  constexpr uint32_t kFirstCheck = 4;
  constexpr uint32_t kChecksBetween = 64;
  empty_polls_ = found == 0 ? empty_polls_ + 1 : 0;
  if (empty_polls_ >= kFirstCheck &&
      empty_polls_ % kChecksBetween == kFirstCheck) {
    CAUSEWAY_TRY(check_connection());
  }
  return found;
}

Status RdmaEndpoint::arm(bool sent_too) {
  if (armed_ != Armed::kNot) CAUSEWAY_TRY(take_event());
  if (armed_ == Armed::kForAll || (armed_ != Armed::kNot && !sent_too)) {
    return {};
  }
  const int error = ibv_req_notify_cq(queue_.get(), sent_too ? 0 : 1);
  if (error != 0) return broken("ibv_req_notify_cq", error);
  armed_ = sent_too ? Armed::kForAll : Armed::kForMessages;
  return {};
}

}  // namespace causeway
