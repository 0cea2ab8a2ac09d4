// RdmaEndpoint: one end of a reliable connection (RC, IBA 9.7): a queue pair
// with its completion queue, and buffers for the messages that it sends and
// takes. Either end may WRITE into what the other has registered for that, or
// READ from it.
//
//   post()   WRITE, WRITE, ..., SEND of a message    one doorbell, one signal
//   read()   a READ                                 the same
//   poll()   kSent: the message and its WRITEs are with the peer's device
//            kRead: what was wanted lies here
//            kReceived: the peer's message lies in a buffer, and what it wrote
//            before has landed (RC keeps that order)
//
// One owner, one thread; made by rdma/verbs/rendezvous. After an Error it is
// good for nothing but to be destroyed. It outlives what it has registered.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "engine/base/result.h"
#include "engine/base/stepper.h"
#include "rdma/limits.h"
#include "rdma/verbs/device_limits.h"
#include "rdma/verbs/handles.h"

namespace causeway {

// Of a channel of libibverbs or librdmacm: taking from it does not wait.
Status set_nonblocking(int fd);

struct RdmaWrite {
  uint64_t from = 0;  // virtual address here, inside a registration
  uint32_t local_key = 0;
  uint64_t to = 0;  // virtual address there
  uint32_t remote_key = 0;
  uint32_t bytes = 0;
};

struct RdmaRead {
  uint64_t from = 0;  // virtual address there
  uint32_t remote_key = 0;
  uint64_t to = 0;  // virtual address here, inside a registration to write to
  uint32_t local_key = 0;
  uint32_t bytes = 0;
};

struct RdmaCompletion {
  enum class Kind : uint8_t { kSent, kReceived, kRead };
  Kind kind = Kind::kSent;
  uint32_t buffer = 0;  // of the endpoint's, of that kind; kRead: the tag
  uint32_t bytes = 0;   // of a message that came
};

class RdmaEndpoint {
 public:
  // Takes the id, which has a device, and makes the queues on it. `limits`: no
  // more than that, whatever the device says.
  static Result<std::unique_ptr<RdmaEndpoint>> make(ConnectionId id,
                                                    EventChannel events,
                                                    const DeviceLimits& limits);
  ~RdmaEndpoint();
  RdmaEndpoint(const RdmaEndpoint&) = delete;
  RdmaEndpoint& operator=(const RdmaEndpoint&) = delete;

  const QueueDepths& depths() const { return depths_; }
  const DeviceLimits& limits() const { return limits_; }
  const std::string& peer() const { return peer_; }  // for the sentences
  void set_peer(std::string peer) { peer_ = std::move(peer); }

  // The peer may write there, or this end alone may send from there. Pins the
  // pages and fills holes. kNoSpace with what to set, where RLIMIT_MEMLOCK is
  // what refuses.
  Result<MemoryRegion> register_memory(std::span<const std::byte> memory,
                                       int access);

  // Of message `buffer`, until post() and again after kSent.
  std::span<std::byte> outgoing(uint32_t buffer);
  // Of a message that came, until take_again().
  std::span<const std::byte> incoming(uint32_t buffer) const;

  // The WRITEs in order, then the first `bytes` of outgoing(buffer): one work
  // request each. The caller keeps within depths().requests.
  Status post(std::span<const RdmaWrite> writes, uint32_t buffer,
              uint32_t bytes);
  // One work request; READs complete in the order in which they were posted.
  Status read(const RdmaRead& wanted, uint32_t tag);
  // The buffer may be filled by the peer again.
  Status take_again(uint32_t buffer);

  // What is complete; fewer than there is room for: no more now.
  // kConnectionLost when the connection has broken, at this end or the other.
  Result<size_t> poll(std::span<RdmaCompletion> out);

  // The queue pair is gone on return, and the peer hears of it: nothing that
  // is still on the wire is written here, or read. What was registered may be
  // given back later. Nothing else works afterwards.
  void disconnect();

  // Before sleeping, and poll() once more after it: wakes when the peer's next
  // message comes or the connection breaks; `sent_too`: also for kSent
  // and kRead.
  Status arm(bool sent_too);

  // As BulkChannel::wait_on, once arm()ed.
  Instant wait_on(WaitSet& set) const;

  // READs on their way at once, as both ends agree: before the connection is
  // made what this end would like, or less if the peer says so.
  uint8_t reads_max() const { return reads_max_; }
  void limit_reads(uint8_t reads_max) {
    reads_max_ = std::min(reads_max_, reads_max);
  }

  // "mlx5_0"
  std::string device() const { return ibv_get_device_name(id_->verbs->device); }

  // Set-up alone.
  // The peer asks again soon where it meets no receive buffer; best effort.
  void shorten_not_ready();
  rdma_cm_id* id() const { return id_.get(); }
  rdma_event_channel* events() const { return events_.get(); }

 private:
  RdmaEndpoint(ConnectionId id, EventChannel events)
      : events_(std::move(events)), id_(std::move(id)) {}
  Status open(const DeviceLimits& limits);
  Status open_queues();
  Status open_buffers();
  Error broken(const char* call, int errno_value) const;
  Status take_event();
  Status check_connection();
  Result<size_t> poll_queue(std::span<RdmaCompletion> out);
  std::byte* buffer_at(uint32_t index) const {
    return buffers_.get() + size_t{index} * kRdmaMessageBytes;
  }

  struct Free {
    void operator()(std::byte* memory) const;
  };

  // The queue pair goes first (disconnect()); then, from the last on, what
  // needs the id's device and protection domain.
  EventChannel events_;
  ConnectionId id_;
  // Its own: a key is good for this connection alone.
  ProtectionDomain domain_;
  std::unique_ptr<std::byte[], Free> buffers_;  // taken, then sent
  MemoryRegion buffers_key_;
  CompletionChannel completions_;
  CompletionQueue queue_;

  DeviceLimits limits_;
  QueueDepths depths_;
  uint8_t reads_max_ = kRdmaReadsMax;
  std::string peer_ = "the peer";
  enum class Armed : uint8_t { kNot, kForMessages, kForAll };
  Armed armed_ = Armed::kNot;
  uint32_t empty_polls_ = 0;  // in a row
  std::vector<ibv_send_wr> requests_;
  std::vector<ibv_sge> pieces_;
};

}  // namespace causeway
