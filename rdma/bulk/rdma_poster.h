// RdmaPoster: the source's end of one worker's RDMA connection. Puts wait in
// order until their memory is registered at both ends; then WRITEs carry the
// blocks and a message says what they were.
//
//   items_   | taken | in messages on their way | asked for | waiting | free |
//                     ^ tail_                    ^ next_     ^ asked_  ^ head_
//                                                        (count up for good)
//
// A payload that lies in its region's memory goes in place; what does not (disk
// blocks, encoded frames) goes through the target's ring. What is in neither
// registered memory is copied into a ring of this end first.
//
// One owner, one thread. After an Error: leave(), then what is left in
// unlanded() is somebody else's to post.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "engine/path/bulk_channel.h"
#include "rdma/bulk/extent_table.h"
#include "rdma/bulk/staging_ring.h"
#include "rdma/rdma_tally.h"
#include "rdma/verbs/rendezvous.h"
#include "rdma/wire/record.h"

namespace causeway {

struct RdmaPosterOptions {
  std::span<BlockStore* const> stores;  // by region; nullptr: none of ours
  // Where payloads that are not in place often lie: registered whole.
  std::span<const std::byte> scratch;
  uint64_t pinned_bytes_max = kRdmaPinnedBytesDefault;
};

class RdmaPoster {
 public:
  struct Item {
    Put put;
    FenceId fence = 0;     // != 0: a fence, and no put
    uint64_t message = 0;  // that speaks of it; 0: none yet
  };

  // `ring`: as large as the target's. `tally` outlives it.
  RdmaPoster(RdmaConnection connection, StagingRing ring,
             const RdmaPosterOptions& options, RdmaTally& tally);
  ~RdmaPoster() { disconnect(); }
  RdmaPoster(const RdmaPoster&) = delete;
  RdmaPoster& operator=(const RdmaPoster&) = delete;

  bool full() const { return head_ - tail_ == kRdmaPutsMax; }
  void push(const Put& put);
  void push_fence(FenceId fence);

  // Whether anything moved. kConnectionLost: it broke, or was silent for too
  // long while something was sent.
  Result<bool> poll(Instant now);
  void set_urgent(bool urgent) {
    urgent_.store(urgent, std::memory_order_relaxed);
  }

  uint64_t puts_landed() const { return puts_landed_; }
  FenceId fence_landed() const { return fence_landed_; }
  uint64_t wire_bytes() const { return wire_bytes_; }
  void disconnect() { endpoint_->disconnect(); }
  // The target has taken so many messages before it left. kPeerBroken: it
  // cannot have.
  Status leave(uint64_t taken);
  // The oldest that has not landed, until pop_unlanded() has had all.
  const Item* unlanded() const;
  void pop_unlanded();

  Instant wait_on(WaitSet& set) const;
  const std::string& peer() const { return endpoint_->peer(); }

 private:
  struct Sent {
    uint32_t requests = 0;
    uint64_t staged_until = 0;  // of the ring
    bool with_device = false;   // no kSent yet
  };

  Item& item(uint64_t index) { return items_[index % kRdmaPutsMax]; }
  Result<bool> move(Instant now);
  Duration silence_max() const;
  bool is_unacknowledged() const {
    return last_message_ > taken_ && requests_out_ > 0;
  }
  Result<bool> take_completions();
  Status take_answer(std::span<const std::byte> answer);
  void note_taken(uint64_t taken);
  Status ask_ahead();
  Result<bool> ask_for(const Put& put);
  void note_pinned();
  Result<bool> send_message();
  bool worth_sending() const;
  void add_errands(RdmaMessageWriter& writer);
  bool add_item(RdmaMessageWriter& writer, Item& item);
  bool add_put(RdmaMessageWriter& writer, const Put& put);
  bool add_in_place(RdmaMessageWriter& writer, const Put& put, bool* refused);
  bool add_staged(RdmaMessageWriter& writer, const Put& put);
  void release_waiting(const Put& put);
  bool is_in_place(const Put& put) const {
    return put.head.kind == PutKind::kRaw &&
           extents_.is_in_place(put.head.region, put.head.first_block,
                                put.payload.data());
  }
  Sent& sent(uint64_t message) { return sent_[message % sent_.size()]; }

  std::unique_ptr<RdmaEndpoint> endpoint_;
  RdmaWelcome welcome_;
  uint32_t messages_max_;  // on their way
  uint32_t writes_max_;    // of a message
  std::span<const std::byte> scratch_;
  MemoryRegion scratch_key_;
  StagingRing staging_;
  ExtentTable extents_;

  std::vector<Item> items_;
  uint64_t head_ = 0;
  uint64_t asked_ = 0;
  uint64_t next_ = 0;
  uint64_t tail_ = 0;
  uint64_t waiting_bytes_ = 0;  // next_ to head_
  uint64_t fences_waiting_ = 0;

  std::vector<Sent> sent_;
  uint64_t last_message_ = 0;
  uint64_t taken_ = 0;
  uint32_t requests_out_ = 0;
  Instant acknowledged_at_{};  // or sent, when nothing was on its way
  std::atomic<bool> urgent_{false};
  bool waits_for_device_ = false;  // for kSent, and nothing else will come

  std::array<RdmaWrite, kRdmaMessageWritesMax> writes_;
  size_t write_count_ = 0;
  uint64_t write_bytes_ = 0;

  uint64_t puts_landed_ = 0;
  FenceId fence_landed_ = 0;
  uint64_t wire_bytes_ = 0;
  RdmaTally& tally_;
  uint64_t pinned_bytes_most_ = 0;
};

}  // namespace causeway
