#include "tests/dpdk-wan/udp_relay.h"

#include <poll.h>

#include <array>
#include <chrono>
#include <random>

#include "engine/base/assert.h"

namespace causeway {
namespace {

UniqueFd socket_of(int family) {
  UniqueFd fd(::socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  CAUSEWAY_ASSERT(fd);
  const int bytes = 4 << 20;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes);
  return fd;
}

}  // namespace

UdpRelay::UdpRelay(const SocketAddress& listener, const RelayTrouble& trouble)
    : listener_(listener),
      trouble_(trouble),
      front_(socket_of(listener.storage.ss_family)),
      back_(socket_of(listener.storage.ss_family)) {
  const bool v6 = listener.storage.ss_family == AF_INET6;
  const auto here = resolve_address(v6 ? "[::1]:0" : "127.0.0.1:0", true);
  CAUSEWAY_ASSERT(
      ::bind(front_.get(), here->front().get(), here->front().bytes) == 0);
  CAUSEWAY_ASSERT(::connect(back_.get(), listener_.get(), listener_.bytes) ==
                  0);
  thread_ = std::thread([this] { run(); });
}

UdpRelay::~UdpRelay() {
  stop_.notify();
  thread_.join();
}

void UdpRelay::run() {
  std::mt19937_64 random(trouble_.seed);
  std::uniform_real_distribution<double> dice(0, 1);
  SocketAddress source;
  std::array<std::byte, 65536> bytes;
  std::array<pollfd, 3> fds{{{stop_.fd(), POLLIN, 0},
                             {front_.get(), POLLIN, 0},
                             {back_.get(), POLLIN, 0}}};
  for (;;) {
    ::poll(fds.data(), fds.size(), -1);
    if (fds[0].revents != 0) return;
    for (const bool forth : {true, false}) {
      SocketAddress from;
      from.bytes = sizeof from.storage;
      const ssize_t got = ::recvfrom(
          forth ? front_.get() : back_.get(), bytes.data(), bytes.size(), 0,
          reinterpret_cast<sockaddr*>(&from.storage), &from.bytes);
      if (got <= 0) continue;
      if (forth) source = from;
      if (cut_.load() || dice(random) < trouble_.loss) {
        ++lost_;
        continue;
      }
      ++forwarded_;
      const int copies = dice(random) < trouble_.duplicates ? 2 : 1;
      for (int i = 0; i < copies; ++i) {
        if (forth) {
          ::send(back_.get(), bytes.data(), static_cast<size_t>(got), 0);
        } else {
          ::sendto(front_.get(), bytes.data(), static_cast<size_t>(got), 0,
                   source.get(), source.bytes);
        }
      }
      if (forth && trouble_.bytes_s > 0) {
        std::this_thread::sleep_for(transfer_time(
            static_cast<uint64_t>(got), static_cast<double>(trouble_.bytes_s)));
      }
    }
  }
}

}  // namespace causeway
