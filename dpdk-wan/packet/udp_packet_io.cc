#include "dpdk-wan/packet/udp_packet_io.h"

#include <net/if.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "engine/base/assert.h"

static_assert(IP_PMTUDISC_PROBE == IPV6_PMTUDISC_PROBE);

namespace causeway {
namespace {

constexpr size_t kIpv4UdpHeadBytes = 20 + 8;
constexpr size_t kIpv6UdpHeadBytes = 40 + 8;
// RFC 9000, 14: no path that carries QUIC takes less.
constexpr size_t kQuicPayloadBytesMin = 1200;
// Eight bursts of the largest kind, so that a sleeper loses none.
constexpr int kSocketBufferBytes = 4 << 20;

bool is_v6(const SocketAddress& address) {
  return address.storage.ss_family == AF_INET6;
}

void set_option(int fd, int level, int name, int value) {
  // What is refused costs speed, not correctness: an older kernel.
  (void)::setsockopt(fd, level, name, &value, sizeof value);
}

void set_options(int fd, bool v6) {
  const int level = v6 ? IPPROTO_IPV6 : IPPROTO_IP;
  set_option(fd, level, v6 ? IPV6_MTU_DISCOVER : IP_MTU_DISCOVER,
             IP_PMTUDISC_PROBE);
  set_option(fd, level, v6 ? IPV6_RECVTCLASS : IP_RECVTOS, 1);
  set_option(fd, SOL_UDP, UDP_GRO, 1);
  // Past the host's limit where we may.
  set_option(fd, SOL_SOCKET, SO_RCVBUF, kSocketBufferBytes);
  set_option(fd, SOL_SOCKET, SO_RCVBUFFORCE, kSocketBufferBytes);
  set_option(fd, SOL_SOCKET, SO_SNDBUF, kSocketBufferBytes);
  set_option(fd, SOL_SOCKET, SO_SNDBUFFORCE, kSocketBufferBytes);
}

Result<UniqueFd> new_udp_socket(int family) {
  UniqueFd fd(
      ::socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_UDP));
  if (!fd) return errno_error(errno, "A UDP socket cannot be made");
  set_options(fd.get(), family == AF_INET6);
  return fd;
}

// Of a datagram's payload, by the largest MTU of the host's interfaces: what
// is too large for the one it leaves by is refused then (EMSGSIZE), which is
// how path MTU discovery probes.
size_t largest_payload(int fd, bool v6) {
  size_t mtu = 1500;
  for (const struct if_nameindex *list = ::if_nameindex(), *at = list;
       list != nullptr; ++at) {
    if (at->if_index == 0) {
      ::if_freenameindex(const_cast<struct if_nameindex*>(list));
      break;
    }
    ifreq request{};
    std::strncpy(request.ifr_name, at->if_name, IFNAMSIZ - 1);
    if (::ioctl(fd, SIOCGIFMTU, &request) == 0 && request.ifr_mtu > 0) {
      mtu = std::max(mtu, static_cast<size_t>(request.ifr_mtu));
    }
  }
  constexpr size_t kIpBytesMax = 65535;
  return std::min(mtu, kIpBytesMax) -
         (v6 ? kIpv6UdpHeadBytes : kIpv4UdpHeadBytes);
}

}  // namespace

UdpPacketIo::UdpPacketIo(UniqueFd fd, const SocketAddress& local,
                         size_t payload_bytes_max)
    : fd_(std::move(fd)),
      local_(local),
      payload_bytes_max_(std::min(payload_bytes_max, kSendBytes)),
      send_(kSendBytes),
      receive_(kReceiveBuffers * kReceiveBytes) {
  CAUSEWAY_ASSERT(payload_bytes_max_ >= kQuicPayloadBytesMin);
}

Result<std::unique_ptr<UdpPacketIo>> UdpPacketIo::adopt(UniqueFd fd) {
  const SocketAddress local = local_address(fd.get());
  const size_t payload = largest_payload(fd.get(), is_v6(local));
  return std::unique_ptr<UdpPacketIo>(
      new UdpPacketIo(std::move(fd), local, payload));
}

Result<std::unique_ptr<UdpPacketIo>> UdpPacketIo::open(
    std::string_view address) {
  CAUSEWAY_ASSIGN(const auto candidates, resolve_address(address, true));
  int refused = 0;
  for (const SocketAddress& candidate : candidates) {
    CAUSEWAY_ASSIGN(UniqueFd fd, new_udp_socket(candidate.storage.ss_family));
    if (::bind(fd.get(), candidate.get(), candidate.bytes) == 0) {
      return adopt(std::move(fd));
    }
    refused = errno;
  }
  return errno_error(refused, fmt::format("Cannot take UDP packets at {}",
                                          candidates.front().text()));
}

Result<std::unique_ptr<UdpPacketIo>> UdpPacketIo::open_towards(
    const SocketAddress& peer) {
  CAUSEWAY_ASSIGN(UniqueFd fd, new_udp_socket(peer.storage.ss_family));
  // Finds the route and takes its address; nobody else is heard.
  if (::connect(fd.get(), peer.get(), peer.bytes) != 0) {
    Error error =
        errno_error(errno, fmt::format("No route to {}", peer.text()));
    error.code = ErrorCode::kUnreachable;
    return error;
  }
  return adopt(std::move(fd));
}

std::span<std::byte> UdpPacketIo::next_packet() {
  if (blocked_ || group_closed_ || group_count_ == kSegmentsMax ||
      group_bytes_ + payload_bytes_max_ > send_.size()) {
    return {};
  }
  return std::span(send_).subspan(group_bytes_, payload_bytes_max_);
}

void UdpPacketIo::send_packet(size_t bytes, const SocketAddress& to,
                              uint8_t ecn) {
  CAUSEWAY_ASSERT(bytes > 0 && bytes <= payload_bytes_max_);
  const bool joins =
      group_count_ > 0 && segments_ && bytes <= group_segment_ &&
      ecn == group_ecn_ && to.bytes == group_to_.bytes &&
      std::memcmp(&to.storage, &group_to_.storage, to.bytes) == 0;
  if (group_count_ > 0 && !joins) {
    // The new one stands behind the group: it moves to the front after it.
    const size_t before = group_bytes_;
    const auto sent = send_group();
    if (!sent || !*sent) {
      ++stats_.packets_dropped;
      return;
    }
    std::memmove(send_.data(), send_.data() + before, bytes);
  }
  if (group_count_ == 0) {
    group_segment_ = bytes;
    group_to_ = to;
    group_ecn_ = ecn;
    group_closed_ = !segments_;
  }
  // A shorter one ends the group.
  if (bytes < group_segment_) group_closed_ = true;
  group_bytes_ += bytes;
  ++group_count_;
}

Result<bool> UdpPacketIo::flush() {
  blocked_ = false;
  if (group_count_ == 0) return true;
  return send_group();
}

Result<bool> UdpPacketIo::send_group() {
  iovec piece{send_.data(), group_bytes_};
  msghdr message{};
  message.msg_name = &group_to_.storage;
  message.msg_namelen = group_to_.bytes;
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  alignas(cmsghdr)
      std::array<char, CMSG_SPACE(sizeof(int)) + CMSG_SPACE(sizeof(uint16_t))>
          control{};
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  cmsghdr* at = CMSG_FIRSTHDR(&message);
  at->cmsg_level = is_v6(group_to_) ? IPPROTO_IPV6 : IPPROTO_IP;
  at->cmsg_type = is_v6(group_to_) ? IPV6_TCLASS : IP_TOS;
  at->cmsg_len = CMSG_LEN(sizeof(int));
  const int mark = group_ecn_;
  std::memcpy(CMSG_DATA(at), &mark, sizeof mark);
  size_t control_bytes = CMSG_SPACE(sizeof(int));
  if (group_count_ > 1) {
    at = CMSG_NXTHDR(&message, at);
    at->cmsg_level = SOL_UDP;
    at->cmsg_type = UDP_SEGMENT;
    at->cmsg_len = CMSG_LEN(sizeof(uint16_t));
    const auto segment = static_cast<uint16_t>(group_segment_);
    std::memcpy(CMSG_DATA(at), &segment, sizeof segment);
    control_bytes += CMSG_SPACE(sizeof(uint16_t));
  }
  message.msg_controllen = control_bytes;
  ssize_t sent = 0;
  do {
    sent = ::sendmsg(fd_.get(), &message, MSG_DONTWAIT);
  } while (sent < 0 && errno == EINTR);
  if (sent < 0 && (errno == EAGAIN || errno == ENOBUFS)) {
    blocked_ = true;
    return false;
  }
  ++stats_.send_calls;
  if (sent < 0) {
    // A route without segmentation (an odd tunnel): datagrams one by one from
    // here on. What else goes wrong (too large, refused, no route at the
    // moment) concerns these datagrams, and UDP may lose.
    if (errno == EIO && group_count_ > 1) segments_ = false;
    if (errno == EBADF || errno == ENOTSOCK) {
      return errno_error(errno, "UDP packets cannot be sent");
    }
    if (errno == ECONNREFUSED) ++stats_.refusals;
    stats_.packets_dropped += group_count_;
  } else {
    stats_.packets_sent += group_count_;
    stats_.bytes_sent += group_bytes_;
  }
  group_bytes_ = group_count_ = 0;
  group_closed_ = false;
  return true;
}

Result<size_t> UdpPacketIo::receive(std::span<ReceivedPacket> packets,
                                    Instant /*now*/) {
  // What was handed out stays valid until here.
  if (arrival_ == arrival_count_) {
    CAUSEWAY_ASSIGN(const bool some, refill());
    if (!some) return size_t{0};
  }
  return hand_out(packets);
}

Result<bool> UdpPacketIo::refill() {
  std::array<mmsghdr, kReceiveBuffers> messages{};
  std::array<iovec, kReceiveBuffers> pieces;
  constexpr size_t kControlBytes = 128;
  alignas(cmsghdr) std::array<std::array<char, kControlBytes>, kReceiveBuffers>
      controls;
  for (size_t i = 0; i < kReceiveBuffers; ++i) {
    pieces[i] = {&receive_[i * kReceiveBytes], kReceiveBytes};
    msghdr& head = messages[i].msg_hdr;
    head.msg_name = &arrivals_[i].from.storage;
    head.msg_namelen = sizeof arrivals_[i].from.storage;
    head.msg_iov = &pieces[i];
    head.msg_iovlen = 1;
    head.msg_control = controls[i].data();
    head.msg_controllen = kControlBytes;
  }
  int got = 0;
  do {
    got = ::recvmmsg(fd_.get(), messages.data(), kReceiveBuffers, MSG_DONTWAIT,
                     nullptr);
  } while (got < 0 && errno == EINTR);
  arrival_ = arrival_count_ = 0;
  if (got < 0) {
    // What an ICMP message said of an earlier datagram is news, not an end.
    if (errno == ECONNREFUSED) ++stats_.refusals;
    if (errno != EBADF && errno != ENOTSOCK) return false;
    return errno_error(errno, "UDP packets cannot be received");
  }
  for (int i = 0; i < got; ++i) {
    Arrival& arrival = arrivals_[static_cast<size_t>(i)];
    const msghdr& head = messages[static_cast<size_t>(i)].msg_hdr;
    arrival.bytes = messages[static_cast<size_t>(i)].msg_len;
    arrival.given = 0;
    arrival.segment = 0;
    arrival.ecn = 0;
    arrival.from.bytes = head.msg_namelen;
    for (cmsghdr* at = CMSG_FIRSTHDR(&head); at != nullptr;
         at = CMSG_NXTHDR(const_cast<msghdr*>(&head), at)) {
      int value = 0;
      if (at->cmsg_level == SOL_UDP && at->cmsg_type == UDP_GRO) {
        std::memcpy(&value, CMSG_DATA(at), sizeof value);
        arrival.segment = static_cast<size_t>(std::max(value, 0));
      } else if (at->cmsg_level == IPPROTO_IP && at->cmsg_type == IP_TOS) {
        arrival.ecn = *reinterpret_cast<uint8_t*>(CMSG_DATA(at)) & 3;
      } else if (at->cmsg_level == IPPROTO_IPV6 &&
                 at->cmsg_type == IPV6_TCLASS) {
        std::memcpy(&value, CMSG_DATA(at), sizeof value);
        arrival.ecn = static_cast<uint8_t>(value & 3);
      }
    }
  }
  arrival_count_ = static_cast<size_t>(got);
  return got > 0;
}

size_t UdpPacketIo::hand_out(std::span<ReceivedPacket> packets) {
  size_t count = 0;
  while (count < packets.size() && arrival_ < arrival_count_) {
    Arrival& arrival = arrivals_[arrival_];
    const size_t left = arrival.bytes - arrival.given;
    const size_t bytes =
        arrival.segment == 0 ? left : std::min(left, arrival.segment);
    if (bytes > 0) {
      packets[count++] = {std::span(receive_).subspan(
                              arrival_ * kReceiveBytes + arrival.given, bytes),
                          arrival.from, arrival.ecn};
      ++stats_.packets_received;
      stats_.bytes_received += bytes;
      arrival.given += bytes;
    }
    if (arrival.given == arrival.bytes) ++arrival_;
  }
  return count;
}

void UdpPacketIo::expect_only(const SocketAddress& peer) {
  // Only a connected socket hears of ICMP. What is refused costs that alone.
  (void)::connect(fd_.get(), peer.get(), peer.bytes);
}

Instant UdpPacketIo::wait_on(WaitSet& set, Instant now) const {
  set.add(fd_.get(), blocked_ ? POLLIN | POLLOUT : POLLIN);
  return arrival_ < arrival_count_ ? now : kNever;
}

}  // namespace causeway
