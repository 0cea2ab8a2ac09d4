// What one end of a wan path wishes.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "dpdk-wan/quic/quic_connection.h"
#include "engine/base/tls_files.h"

namespace causeway {

struct WanOptions {
  uint16_t streams = 1;  // bulk streams, 1 to kStreamsMax
  Duration timeout = std::chrono::seconds(10);
  // There is no wan path in the clear: QUIC has none.
  TlsFiles files;
  std::string peer_name;  // whose certificate the other end must show
  CongestionControl congestion = CongestionControl::kBbr2;
  bool fec = true;           // what is urgent gets repair
  size_t payload_bytes = 0;  // of a datagram; 0: found out, up to 1,452
  Duration silence_max = kQuicSilenceMax;
  // Of a striped path (lanes/): which of its connections this is. 0 lanes: it
  // is the only one.
  uint16_t lane = 0;
  uint16_t lanes = 0;
  int cancel_fd = -1;  // readable: give up waiting (kCancelled)
};

}  // namespace causeway
