// StreamBulkReceiver: the receiving end of a bulk stream. A payload is read
// straight into the place that the sink gave; the same system call reads on
// into ahead_, where the next heads are then found:
//
//   recvmsg into   [ rest of the payload, in the sink's place ][ ahead_ ]
//   ahead_         | head | head | head, and the start of its payload |
//
// Only that start is copied a second time (at most kStreamAheadBytes).
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>

#include "engine/path/path.h"
#include "engine/path/stream/byte_stream.h"
#include "engine/path/stream/frame.h"
#include "engine/path/stream/limits.h"

namespace causeway {

class StreamBulkReceiver final : public BulkReceiver {
 public:
  StreamBulkReceiver(std::unique_ptr<ByteStream> stream, PutSink& sink)
      : stream_(std::move(stream)), sink_(sink) {}

  Result<bool> poll(Instant now) override;
  bool closed() const override { return closed_; }
  FenceId fence_landed() const override { return fence_landed_; }
  uint64_t wire_bytes() const override { return wire_bytes_; }
  Status withdraw() override { return {}; }  // places by poll() alone
  Instant wait_on(WaitSet& set) const override;

 private:
  Result<bool> poll_stream();
  Result<size_t> read_stream();  // 0: nothing there, or closed
  Status consume(size_t got);
  Status parse_ahead();
  Status take_frame(const Frame& frame);
  Status finish_put();
  Status flush_ack();
  size_t ahead_bytes() const { return ahead_end_ - ahead_begin_; }

  std::unique_ptr<ByteStream> stream_;
  PutSink& sink_;
  bool closed_ = false;
  std::optional<Error> broken_;  // what every later poll() returns

  bool in_put_ = false;  // between begin() and end() of put_
  PutHead put_;
  std::span<std::byte> place_left_;  // not empty: ahead_ is
  std::array<std::byte, kStreamAheadBytes> ahead_;
  size_t ahead_begin_ = 0;
  size_t ahead_end_ = 0;

  FenceId fence_landed_ = 0;
  FenceId fence_answered_ = 0;  // in ack_, or sent
  std::array<std::byte, kFenceAckBytes> ack_;
  size_t ack_sent_ = kFenceAckBytes;
  uint64_t wire_bytes_ = 0;
};

}  // namespace causeway
