#include "engine/path/tcp/tcp_bulk_channel.h"

#include <poll.h>
#include <sys/socket.h>

namespace causeway {

TcpBulkChannel::~TcpBulkChannel() {
  // The path may keep a duplicate of the fd for its statistics, so that close
  // alone would not tell the peer.
  if (stream_.fd) ::shutdown(stream_.fd.get(), SHUT_RDWR);
}

ChannelLimits TcpBulkChannel::limits() const {
  return {kPutBytesMax, kTcpFramesInFlightMax};
}

Instant TcpBulkChannel::wait_on(WaitSet& set) const {
  // POLLIN even when no fence is out: it is how a lost peer shows.
  const bool unsent = head_ != tail_;
  set.add(stream_.fd.get(), unsent ? POLLIN | POLLOUT : POLLIN);
  return kNever;
}

}  // namespace causeway
