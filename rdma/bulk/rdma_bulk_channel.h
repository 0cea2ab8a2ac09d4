// RdmaBulkChannel: the source's end of one worker of an rdma path: its RDMA
// connection and, once that has broken or the target has left it, its stream.
//
//   rdma  ->  leaving  ->  replaying  ->  stream
//          the target says   what had not
//          what it has       landed goes
//                            again
//
// The target destroys its queue pair before it answers: no late WRITE lands on
// what comes by the stream.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "engine/path/bulk_channel.h"
#include "engine/path/stream/stream_bulk_channel.h"
#include "rdma/bulk/rdma_poster.h"
#include "rdma/bulk/switching_stream.h"

namespace causeway {

class RdmaBulkChannel final : public BulkChannel {
 public:
  // `tally` outlives it.
  RdmaBulkChannel(std::unique_ptr<RdmaPoster> poster,
                  std::unique_ptr<ByteStream> stream, RdmaTally& tally)
      : poster_(std::move(poster)),
        switching_(std::move(stream)),
        tally_(tally) {}
  ~RdmaBulkChannel() override;

  Result<size_t> post(std::span<const Put> puts) override;
  Result<bool> post_fence(FenceId fence) override;
  Result<ChannelProgress> poll(Instant now) override;
  ChannelLimits limits() const override;
  void set_urgent(bool urgent) override { poster_->set_urgent(urgent); }
  Instant wait_on(WaitSet& set) const override;

 private:
  enum class State : uint8_t { kRdma, kLeaving, kReplaying, kStream };

  Status poll_rdma(Instant now);
  void leave(std::string why);
  void note_stream_used();
  Status poll_leaving();
  Status arrive(const SwitchOver& left);
  Status poll_replaying(Instant now);
  ChannelProgress progress() const;

  State state_ = State::kRdma;
  std::unique_ptr<RdmaPoster> poster_;
  SwitchingStream switching_;
  std::optional<SwitchOver> left_;  // what the target said
  std::unique_ptr<StreamBulkChannel> stream_;
  std::string why_left_;
  bool stream_used_ = false;
  RdmaTally& tally_;
  ChannelProgress streamed_;
};

}  // namespace causeway
