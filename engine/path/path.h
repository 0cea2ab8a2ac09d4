// Path: one way between two hosts, seen from either end. The source opens an
// OutboundPath, the target has the InboundPath that accepted it; both have one
// control channel (small ordered messages) and a bulk channel a worker.
//
// open_*() may wait for the peer (bounded by the path's connect timeout) and
// are called at set-up; everything after is step-wise and never blocks.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/base/result.h"
#include "engine/base/stepper.h"
#include "engine/path/bulk_channel.h"
#include "engine/path/put_sink.h"

namespace causeway {

// Ordered, reliable messages of at most kControlMessageBytesMax
// (engine/base/limits.h). One owner, one thread.
class ControlChannel {
 public:
  virtual ~ControlChannel() = default;

  // Queues the message whole (the queue is bounded by kControlQueueBytesMax;
  // more is an Error: the peer does not read) and sends what it can.
  virtual Status send(std::span<const std::byte> message) = 0;

  // The next message, if one is complete. Also flushes what send() queued.
  // An Error when the peer has closed or the link is gone.
  virtual Result<std::optional<std::vector<std::byte>>> receive(
      Instant now) = 0;

  // As BulkChannel::set_urgent; of the owner's thread.
  virtual void set_urgent(bool urgent) = 0;

  // Whether the channel may be closed, and what was sent arrives all the same
  // if the peer can be reached. Until then: receive().
  virtual bool may_close() const = 0;

  virtual Instant wait_on(WaitSet& set) const = 0;
};

// The receiving end of a bulk channel: moves what arrives into its sink and
// answers fences. One owner, one thread.
class BulkReceiver {
 public:
  virtual ~BulkReceiver() = default;

  // Returns whether anything moved. An Error when the peer broke the rules,
  // the sink refused, or the link is gone in mid-put; a close between puts
  // is no error: closed() turns true.
  virtual Result<bool> poll(Instant now) = 0;
  virtual bool closed() const = 0;
  // The last fence that arrived: all puts before it have landed. (The poster
  // is told over the same channel; this spares the target's session a round
  // trip inside the blackout.)
  virtual FenceId fence_landed() const = 0;
  virtual uint64_t wire_bytes() const = 0;
  // From the return on nothing lands but by poll(): where a device places, its
  // way here is gone. Before the guest runs on this memory. What is posted
  // still comes, by another way. Once is enough.
  virtual Status withdraw() = 0;
  virtual Instant wait_on(WaitSet& set) const = 0;
};

// What repair has done for what is urgent (BulkChannel::set_urgent), as this
// end sent it.
struct RepairStats {
  uint64_t groups = 0;
  uint64_t symbols = 0;    // of them, without ...
  uint64_t repairs = 0;    // ... those of repair
  uint64_t recovered = 0;  // groups that are there by their repair alone
  uint64_t resent = 0;     // symbols that came again all the same
  void add(const RepairStats& other) {
    groups += other.groups;
    symbols += other.symbols;
    repairs += other.repairs;
    recovered += other.recovered;
    resent += other.resent;
  }
};

struct PathStats {
  Duration rtt{0};               // smoothed; 0 = not known yet
  double delivered_bytes_s = 0;  // 0 = not known yet
  double loss = 0;               // share of the packets; 0 where not measured
  // What that is measured by, since the path was opened: 0 where not counted.
  uint64_t packets = 0;
  uint64_t packets_lost = 0;
  RepairStats repair{};
};

class OutboundPath {
 public:
  virtual ~OutboundPath() = default;
  virtual std::string name() const = 0;  // "tcp", "loopback": for the report
  virtual Result<std::unique_ptr<ControlChannel>> open_control() = 0;
  virtual Result<std::unique_ptr<BulkChannel>> open_bulk(uint32_t worker) = 0;
  virtual PathStats stats() const = 0;
};

class InboundPath {
 public:
  virtual ~InboundPath() = default;
  virtual Result<std::unique_ptr<ControlChannel>> accept_control() = 0;
  // `sink` outlives the receiver.
  virtual Result<std::unique_ptr<BulkReceiver>> accept_bulk(uint32_t worker,
                                                            PutSink& sink) = 0;
};

}  // namespace causeway
