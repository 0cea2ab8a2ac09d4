#include "dpdk-wan/wan_ends.h"

#include <algorithm>

#include "dpdk-wan/link/limits.h"

namespace causeway {

WanLinkOptions link_options(const WanOptions& options, bool source) {
  WanLinkOptions link;
  link.streams = options.streams;
  link.lanes = std::max<uint16_t>(options.lanes, 1);
  link.source = source;
  link.fec = options.fec;
  link.quic.congestion = options.congestion;
  link.quic.payload_bytes = options.payload_bytes;
  link.quic.silence_max = options.silence_max;
  // The target may be called by strangers, whom it gives less time.
  link.quic.handshake_max = source ? options.timeout : kWanHelloWaitMax;
  return link;
}

PathStreams take_streams(WanLink& link, const std::string& peer,
                         uint16_t workers) {
  std::vector<std::unique_ptr<ByteStream>> streams;
  for (uint16_t i = 0; i <= workers; ++i) {
    streams.push_back(link.take_stream(i, peer));
  }
  return PathStreams("wan", std::move(streams));
}

}  // namespace causeway
