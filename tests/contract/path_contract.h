// The contract of every path (engine/path/path.h, bulk_channel.h), as one
// suite: tests/engine/path/* instantiate it with their lab.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "engine/path/path.h"
#include "tests/contract/memory_sink.h"

namespace causeway {

struct PathLabOptions {
  uint16_t streams = 1;
  bool tiny_buffers = false;  // a few KiB between the ends
};

// Both ends of a path in one thread, and a time that they share.
class PathLab {
 public:
  virtual ~PathLab() = default;
  virtual OutboundPath& outbound() = 0;
  virtual InboundPath& inbound() = 0;
  virtual Instant now() = 0;

  // Sleeps until an fd of the set is ready or `until` has come. False when
  // neither would ever happen (the contract says that this is a deadlock).
  virtual bool wait(const WaitSet& set, Instant until) = 0;

  // Whether an fd of the set is ready now: a sleeper would wake.
  virtual bool is_ready(const WaitSet& set) = 0;

  // The link is gone.
  virtual void cut() = 0;

  // Whether puts land in the order in which they were posted. A striped path
  // does not wait for its slower lane: versions say which put is newer.
  virtual bool keeps_order() const { return true; }

  // Whether every channel is urgent from the start.
  virtual bool urgent() const { return false; }
};

using MakePathLab =
    std::function<std::unique_ptr<PathLab>(const PathLabOptions&)>;

class PathContract : public testing::TestWithParam<MakePathLab> {
 protected:
  void open(const PathLabOptions& options = {});
  // One bulk channel of the path with its sink.
  struct Bulk {
    std::unique_ptr<BulkChannel> sender;
    std::unique_ptr<BulkReceiver> receiver;
    std::unique_ptr<MemorySink> sink;
    uint64_t released = 0;
    FenceId fence = 0;
  };
  Bulk open_bulk(uint32_t worker = 0);
  std::unique_ptr<ControlChannel> open_control();
  std::vector<std::byte> await_message(ControlChannel& receiving,
                                       ControlChannel* sending);

  // Polls both ends and sleeps in between until `enough` says so; fails the
  // test on an Error or a deadlock.
  void drive(std::vector<Bulk*> bulks, const std::function<bool()>& enough);
  // Posts all, driving whenever the channel is full.
  void post_all(Bulk& bulk, std::span<const Put> puts);
  void fence(Bulk& bulk, FenceId id);
  // Each once, and in their order if the path keeps it.
  void expect_landed(const Bulk& bulk, std::span<const Put> puts);

  // Polls the sender (the receiver) until it reports an Error.
  ErrorCode sender_error(Bulk& bulk);
  ErrorCode receiver_error(Bulk& bulk);

  std::unique_ptr<PathLab> lab_;
};

}  // namespace causeway
