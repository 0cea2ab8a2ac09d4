// StreamControlChannel: the control stream. A message is its length (u32,
// little-endian, at most kControlMessageBytesMax) and its bytes.
#pragma once

#include <array>
#include <memory>
#include <vector>

#include "engine/path/path.h"
#include "engine/path/stream/byte_stream.h"

namespace causeway {

class StreamControlChannel final : public ControlChannel {
 public:
  explicit StreamControlChannel(std::unique_ptr<ByteStream> stream)
      : stream_(std::move(stream)) {}
  ~StreamControlChannel() override;

  Status send(std::span<const std::byte> message) override;
  Result<std::optional<std::vector<std::byte>>> receive(Instant now) override;
  void set_urgent(bool urgent) override { stream_->set_urgent(urgent); }
  // The stream's to bring.
  bool may_close() const override { return queue_sent_ == queue_.size(); }
  Instant wait_on(WaitSet& set) const override;

 private:
  static constexpr size_t kLengthBytes = 4;

  Status flush();
  Result<bool> fill(std::span<std::byte> into, size_t& got);

  std::unique_ptr<ByteStream> stream_;
  std::vector<std::byte> queue_;  // sent up to queue_sent_
  size_t queue_sent_ = 0;
  std::array<std::byte, kLengthBytes> length_{};
  size_t length_got_ = 0;
  std::vector<std::byte> body_;
  size_t body_got_ = 0;
};

}  // namespace causeway
