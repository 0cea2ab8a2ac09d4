// RdmaPuller: the target's end of a connection for pulls: blocks of the
// source's exposed RAM by RDMA READ, into memory of this end. The source's
// processor lends a key once for a run of data (rdma/pull/rdma_exposure.h); the
// READs go with no word to it. Holes are never read, so that they stay holes:
// they come as zeros.
//
//   post ---> known ------ READ -----> landed      poll() says so, in any order
//      \       ^
//       \--> asked for   (once for all pulls of a window of 2 MiB)
//
// The source's guest stands still: what was a hole when it was asked for is
// taken as one until it is forgotten.
//
// One owner, one thread; no call blocks. When the connection breaks, every pull
// that is not complete is reported as lost, none is forgotten; nothing lands
// any more.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "engine/base/result.h"
#include "engine/base/stepper.h"
#include "engine/guest/region.h"
#include "rdma/pull/key_table.h"
#include "rdma/verbs/endpoint.h"

namespace causeway {

struct Pull {
  uint64_t tag = 0;           // the caller's; comes back
  BlockRange blocks;          // of the source's; at most kRdmaPullBytesMax
  std::span<std::byte> into;  // as long, inside the landing memory
};

struct PullDone {
  enum class Outcome : uint8_t {
    kLanded,   // all of it is there
    kRefused,  // the source cannot lend it; the connection is good
    kLost,     // the connection has broken; some of it may be there
  };
  uint64_t tag = 0;
  Outcome outcome = Outcome::kLanded;
};

class RdmaPuller {
 public:
  // The endpoint is connected (rdma/rdma_pull.h). `landing` is registered whole
  // and outlives the puller. kIncompatible: the devices have no READ.
  static Result<std::unique_ptr<RdmaPuller>> open(
      std::unique_ptr<RdmaEndpoint> endpoint, std::span<std::byte> landing);
  ~RdmaPuller() { endpoint_->disconnect(); }
  RdmaPuller(const RdmaPuller&) = delete;
  RdmaPuller& operator=(const RdmaPuller&) = delete;

  // How many it took: fewer than all means full (kRdmaPullsMax that poll() has
  // not reported). What is known goes to the device at once. `into` is the
  // puller's until poll() reports it. The Error by which the connection broke.
  Result<size_t> post(std::span<const Pull> pulls);

  // What is over; fewer than there is room for: no more now.
  size_t poll(Instant now, std::span<PullDone> out);

  // Before sleeping on wait_on(), and poll() once more after it. Before a
  // post() already: then nothing is between its READs and the sleep.
  void arm();
  // As BulkChannel::wait_on. Silent for kRdmaSilenceMax: poll() gives it up.
  Instant wait_on(WaitSet& set) const;

  // Why pulls are lost; nothing: it works.
  const std::optional<Error>& broken() const { return broken_; }

  uint64_t questions() const { return message_; }  // messages to the source
  uint64_t lent_bytes() const { return keys_.lent_bytes(); }

 private:
  struct Slot {
    enum class State : uint8_t { kFree, kOut, kOver };
    Pull pull;
    State state = State::kFree;
    PullDone::Outcome outcome = PullDone::Outcome::kLanded;
    uint64_t next = 0;  // the first block that is not read yet
    uint32_t reads_out = 0;

    bool is_waiting() const {
      return state == State::kOut && next < pull.blocks.end();
    }
  };
  struct Read {
    Slot* slot = nullptr;
    LentKey* lent = nullptr;
  };

  RdmaPuller(std::unique_ptr<RdmaEndpoint> endpoint,
             std::span<std::byte> landing);
  void take(const Pull& pull);
  Status move(Instant now);
  Result<bool> take_completions();
  void take_read();
  Status take_answer(std::span<const std::byte> answer);
  void refuse(const BlockRange& blocks);
  Status advance_all();
  Status advance(Slot& slot);
  Status begin_read(Slot& slot, LentKey& lent, std::span<std::byte> into);
  void settle(Slot& slot);
  Status ask();
  void fail(Error error);
  bool is_out() const { return reads_head_ != reads_tail_ || asking_; }
  bool may_read() const { return reads_head_ - reads_tail_ < reads_.size(); }

  std::unique_ptr<RdmaEndpoint> endpoint_;
  const std::span<std::byte> landing_;
  MemoryRegion landing_key_;
  KeyTable keys_;

  std::array<Slot, kRdmaPullsMax> slots_;
  uint32_t taken_ = 0;                     // slots that are not free
  std::array<Slot*, kRdmaPullsMax> over_;  // to be reported, a ring
  uint64_t over_head_ = 0;
  uint64_t over_tail_ = 0;
  std::vector<Read> reads_;  // with the device, in order, a ring
  uint64_t reads_head_ = 0;
  uint64_t reads_tail_ = 0;

  uint64_t message_ = 0;      // the last that was sent
  uint32_t wants_ = 0;        // in it
  bool asking_ = false;       // no answer to it yet
  bool with_device_ = false;  // no kSent for it yet
  bool was_out_ = false;      // when it was polled last
  Instant heard_at_{};
  std::optional<Error> broken_;
};

}  // namespace causeway
