#include "rdma/bulk/switching_stream.h"

#include <span>

#include "engine/path/stream/stream_error.h"

namespace causeway {

void SwitchingStream::say(const SwitchOver& message) {
  CAUSEWAY_ASSERT(said_sent_ == said_.size());
  said_ = encode_switch_over(message);
  said_sent_ = 0;
}

Result<bool> SwitchingStream::flush() {
  if (said_sent_ == said_.size()) return true;
  const StreamIo io = stream_->send(std::span(said_).subspan(said_sent_));
  if (io.state == StreamIo::State::kBroken) {
    return stream_lost(io, stream_->peer());
  }
  said_sent_ += io.bytes;
  return said_sent_ == said_.size();
}

Result<std::optional<SwitchOver>> SwitchingStream::hear() {
  const StreamIo io = stream_->receive(std::span(heard_).subspan(heard_got_));
  if (io.state == StreamIo::State::kBroken) {
    return stream_lost(io, stream_->peer());
  }
  closed_ = io.state == StreamIo::State::kClosed;
  heard_got_ += io.bytes;
  if (heard_got_ < heard_.size()) return std::optional<SwitchOver>();
  heard_got_ = 0;
  CAUSEWAY_ASSIGN(const SwitchOver message, decode_switch_over(heard_));
  return std::optional<SwitchOver>(message);
}

void SwitchingStream::wait_on(WaitSet& set) const {
  stream_->wait_on(set, said_sent_ < said_.size());
}

}  // namespace causeway
