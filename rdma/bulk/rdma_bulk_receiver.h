// RdmaBulkReceiver: the target's end of one worker of an rdma path, as
// RdmaBulkChannel is the source's.
//
//   rdma  ->  left  ->  stream
//          the queue pair is gone; the
//          source says that it knows
#pragma once

#include <memory>
#include <optional>

#include "engine/path/path.h"
#include "engine/path/stream/stream_bulk_receiver.h"
#include "rdma/bulk/rdma_taker.h"
#include "rdma/bulk/switching_stream.h"

namespace causeway {

class RdmaBulkReceiver final : public BulkReceiver {
 public:
  RdmaBulkReceiver(std::unique_ptr<RdmaTaker> taker,
                   std::unique_ptr<ByteStream> stream, PutSink& sink)
      : taker_(std::move(taker)), switching_(std::move(stream)), sink_(sink) {}

  Result<bool> poll(Instant now) override;
  bool closed() const override;
  FenceId fence_landed() const override;
  uint64_t wire_bytes() const override;
  Status withdraw() override;
  Instant wait_on(WaitSet& set) const override;

 private:
  enum class State : uint8_t { kRdma, kLeft, kStream };

  Result<bool> poll_state(Instant now);
  Result<bool> poll_rdma();
  Result<bool> poll_left();
  Result<bool> poll_stream(Instant now);
  void leave();

  State state_ = State::kRdma;
  std::unique_ptr<RdmaTaker> taker_;
  SwitchingStream switching_;
  PutSink& sink_;
  bool source_knows_ = false;
  bool hung_up_ = false;  // ... and has nothing more to say
  std::unique_ptr<StreamBulkReceiver> stream_;
  std::optional<Error> broken_;  // what every later poll() returns
};

}  // namespace causeway
