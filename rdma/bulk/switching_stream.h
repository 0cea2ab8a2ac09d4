// SwitchingStream: a worker's stream while its RDMA connection is in use, and
// the words by which both leave it (rdma/wire/switch_over.h). One owner, one
// thread; no call blocks.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <optional>

#include "engine/path/stream/byte_stream.h"
#include "rdma/wire/switch_over.h"

namespace causeway {

class SwitchingStream {
 public:
  explicit SwitchingStream(std::unique_ptr<ByteStream> stream)
      : stream_(std::move(stream)) {}

  void say(const SwitchOver& message);
  // Sends what was said, as far as it goes. True: all of it is gone.
  Result<bool> flush();
  // What the peer has said, if all of it is here. kConnectionLost: it is gone;
  // closed(): it has ended its stream in order.
  Result<std::optional<SwitchOver>> hear();
  bool closed() const { return closed_; }

  void abort() { stream_->abort(); }
  const std::string& peer() const { return stream_->peer(); }
  void wait_on(WaitSet& set) const;
  // Both have left: the frames begin.
  std::unique_ptr<ByteStream> take() { return std::move(stream_); }

 private:
  std::unique_ptr<ByteStream> stream_;
  std::array<std::byte, SwitchOver::kBytes> said_;
  size_t said_sent_ = SwitchOver::kBytes;
  std::array<std::byte, SwitchOver::kBytes> heard_;
  size_t heard_got_ = 0;
  bool closed_ = false;
};

}  // namespace causeway
