#include "engine/path/stream/stream_bulk_channel.h"

namespace causeway {

StreamBulkChannel::~StreamBulkChannel() {
  // The path may keep a duplicate of the fd for its statistics, so that close
  // alone would not tell the peer.
  stream_->abort();
}

ChannelLimits StreamBulkChannel::limits() const {
  return {kPutBytesMax, kStreamFramesInFlightMax};
}

Instant StreamBulkChannel::wait_on(WaitSet& set) const {
  // POLLIN even when no fence is out: it is how a lost peer shows.
  const bool unsent = head_ != tail_;
  return stream_->wait_on(set, unsent);
}

}  // namespace causeway
