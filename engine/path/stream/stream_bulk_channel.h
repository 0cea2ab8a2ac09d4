// StreamBulkChannel: the sending end of a bulk stream. Heads are encoded when
// they are posted; one sendmsg takes many frames, payloads from where they
// are. A put is released when the socket has all of it (the kernel copies).
//
//   frames_   | released | partly sent | unsent ... | free |
//                         ^ tail_                   ^ head_   (count up for
//                         good)
#pragma once

#include <sys/uio.h>

#include <array>
#include <cstdint>
#include <memory>

#include "engine/path/bulk_channel.h"
#include "engine/path/stream/byte_stream.h"
#include "engine/path/stream/frame.h"
#include "engine/path/stream/limits.h"

namespace causeway {

class StreamBulkChannel final : public BulkChannel {
 public:
  explicit StreamBulkChannel(std::unique_ptr<ByteStream> stream)
      : stream_(std::move(stream)) {}
  ~StreamBulkChannel() override;

  Result<size_t> post(std::span<const Put> puts) override;
  Result<bool> post_fence(FenceId fence) override;
  Result<ChannelProgress> poll(Instant now) override;
  ChannelLimits limits() const override;
  void set_urgent(bool urgent) override { stream_->set_urgent(urgent); }
  Instant wait_on(WaitSet& set) const override;

 private:
  static constexpr uint32_t kFrames = kStreamFramesInFlightMax;
  // Two pieces a frame, and the one that begins in mid-frame.
  static constexpr size_t kPiecesMax = 2 * size_t{kFrames};

  bool full() const { return head_ - tail_ == kFrames; }
  size_t frame_bytes(uint64_t frame) const {
    return kFrameHeadBytes + payloads_[frame % kFrames].size();
  }
  std::byte* head_of(uint64_t frame) { return heads_[frame % kFrames].data(); }
  size_t gather(size_t& pieces);
  void add_piece(size_t& pieces, const std::byte* at, size_t bytes);
  void advance(size_t sent);
  Status flush();
  Status read_acks();
  Status take_ack(FenceAckView ack);

  std::unique_ptr<ByteStream> stream_;
  std::array<std::array<std::byte, kFrameHeadBytes>, kFrames> heads_;
  std::array<std::span<const std::byte>, kFrames> payloads_;
  std::array<bool, kFrames> is_put_;
  std::array<iovec, kPiecesMax> pieces_;
  uint64_t head_ = 0;
  uint64_t tail_ = 0;
  size_t tail_sent_ = 0;  // bytes of frame tail_ that have gone

  FenceId last_fence_ = 0;
  std::array<std::byte, 16 * kFenceAckBytes> acks_;
  size_t acks_got_ = 0;
  ChannelProgress progress_;
};

}  // namespace causeway
