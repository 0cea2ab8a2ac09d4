#include "engine/path/tcp/tcp_bulk_channel.h"

namespace causeway {

TcpBulkChannel::~TcpBulkChannel() {
  // The path may keep a duplicate of the fd for its statistics, so that close
  // alone would not tell the peer.
  if (stream_) stream_.abort();
}

ChannelLimits TcpBulkChannel::limits() const {
  return {kPutBytesMax, kTcpFramesInFlightMax};
}

Instant TcpBulkChannel::wait_on(WaitSet& set) const {
  // POLLIN even when no fence is out: it is how a lost peer shows.
  const bool unsent = head_ != tail_;
  return stream_.wait_on(set, unsent);
}

}  // namespace causeway
