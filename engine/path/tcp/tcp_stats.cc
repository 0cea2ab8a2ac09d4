#include "engine/path/tcp/tcp_stats.h"

// Not <netinet/tcp.h>: glibc's tcp_info ends before the delivery rate, and the
// two headers do not go together.
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <chrono>

namespace causeway {

PathStats tcp_stats(int fd) {
  tcp_info info{};
  socklen_t bytes = sizeof info;
  if (::getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &bytes) != 0) return {};
  PathStats stats;
  stats.rtt = std::chrono::microseconds(info.tcpi_rtt);
  stats.delivered_bytes_s = static_cast<double>(info.tcpi_delivery_rate);
  // Bytes, since segments that were offloaded are counted as one.
  if (info.tcpi_bytes_sent > 0) {
    stats.loss = static_cast<double>(info.tcpi_bytes_retrans) /
                 static_cast<double>(info.tcpi_bytes_sent);
  }
  return stats;
}

}  // namespace causeway
