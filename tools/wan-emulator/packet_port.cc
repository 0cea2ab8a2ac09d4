#include "tools/wan-emulator/packet_port.h"

#include <arpa/inet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace causeway {
namespace {

// In front of a frame in its ring slot: the slot's head, the address and room
// that the kernel aligns to (TPACKET_ALIGN), the FrameHead. Generous.
constexpr size_t kSlotHeadBytes = 160;
constexpr size_t kRingBlockBytes = 1u << 20;

// Frames that the receiving end has not yet taken count against it.
constexpr int kSendBufferBytes = 32 << 20;

// A VLAN tag is part of the frame on some interfaces and not on others.
constexpr uint32_t kVlanTagBytes = 4;

size_t align_up(size_t bytes, size_t to) { return (bytes + to - 1) / to * to; }

}  // namespace

Result<PacketPort> PacketPort::open(const std::string& interface) {
  const unsigned index = if_nametoindex(interface.c_str());
  if (index == 0) {
    return make_error(ErrorCode::kNotFound,
                      "there is no network interface {} in this namespace",
                      interface);
  }
  PacketPort port;
  port.interface_ = interface;
  port.fd_.reset(
      ::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!port.fd_ && errno == EPERM) {
    return make_error(ErrorCode::kPermission,
                      "receiving and sending whole frames on {} needs "
                      "CAP_NET_RAW; run it as root",
                      interface);
  }
  if (!port.fd_) return errno_error(errno, "a socket for frames");
  CAUSEWAY_TRY(port.set_up(static_cast<int>(index)));
  return port;
}

Status PacketPort::set_up(int index) {
  ifreq request = {};
  interface_.copy(request.ifr_name, sizeof(request.ifr_name) - 1);
  if (::ioctl(fd_.get(), SIOCGIFHWADDR, &request) != 0) {
    return errno_error(errno, "looking at " + interface_);
  }
  if (request.ifr_hwaddr.sa_family != ARPHRD_ETHER) {
    return make_error(ErrorCode::kInvalidArgument,
                      "{} is not an Ethernet interface", interface_);
  }
  if (::ioctl(fd_.get(), SIOCGIFMTU, &request) != 0) {
    return errno_error(errno, "the MTU of " + interface_);
  }
  frame_bytes_max_ =
      static_cast<uint32_t>(request.ifr_mtu) + ETH_HLEN + kVlanTagBytes;
  if (frame_bytes_max_ > kFrameBytesMax) {
    return make_error(ErrorCode::kInvalidArgument,
                      "the MTU of {}, {}, is larger than 65535", interface_,
                      request.ifr_mtu);
  }
  CAUSEWAY_TRY(set_option(PACKET_VERSION, TPACKET_V2, "the ring's version"));
  CAUSEWAY_TRY(set_option(PACKET_VNET_HDR, 1, "frame heads"));
  CAUSEWAY_TRY(set_option(PACKET_IGNORE_OUTGOING, 1, "only incoming frames"));
  CAUSEWAY_TRY(set_option(PACKET_QDISC_BYPASS, 1, "bypassing the qdisc"));
  // Above the system's limit where that is allowed.
  if (::setsockopt(fd_.get(), SOL_SOCKET, SO_SNDBUFFORCE, &kSendBufferBytes,
                   sizeof(kSendBufferBytes)) != 0) {
    ::setsockopt(fd_.get(), SOL_SOCKET, SO_SNDBUF, &kSendBufferBytes,
                 sizeof(kSendBufferBytes));
  }
  CAUSEWAY_TRY(map_ring());
  return bind_to(index);
}

Status PacketPort::set_option(int option, int value, const char* what) {
  if (::setsockopt(fd_.get(), SOL_PACKET, option, &value, sizeof(value)) == 0) {
    return {};
  }
  return errno_error(errno, interface_ + ": " + what);
}

Status PacketPort::map_ring() {
  slot_bytes_ = align_up(frame_bytes_max_ + kSlotHeadBytes, TPACKET_ALIGNMENT);
  block_bytes_ = kRingBlockBytes;
  slots_per_block_ = block_bytes_ / slot_bytes_;
  const size_t blocks = kReceiveRingBytes / block_bytes_;
  slots_ = blocks * slots_per_block_;
  tpacket_req request = {};
  request.tp_block_size = static_cast<unsigned>(block_bytes_);
  request.tp_block_nr = static_cast<unsigned>(blocks);
  request.tp_frame_size = static_cast<unsigned>(slot_bytes_);
  request.tp_frame_nr = static_cast<unsigned>(slots_);
  if (::setsockopt(fd_.get(), SOL_PACKET, PACKET_RX_RING, &request,
                   sizeof(request)) != 0) {
    return errno_error(errno, interface_ + ": a ring for received frames");
  }
  ring_bytes_ = blocks * block_bytes_;
  void* ring = ::mmap(nullptr, ring_bytes_, PROT_READ | PROT_WRITE, MAP_SHARED,
                      fd_.get(), 0);
  if (ring == MAP_FAILED) {
    return errno_error(errno, interface_ + ": mapping the ring");
  }
  ring_ = static_cast<std::byte*>(ring);
  return {};
}

// All frames that come by, also those for the other end of the link. Both go
// with the socket.
Status PacketPort::bind_to(int index) {
  sockaddr_ll address = {};
  address.sll_family = AF_PACKET;
  address.sll_protocol = htons(ETH_P_ALL);
  address.sll_ifindex = index;
  if (::bind(fd_.get(), reinterpret_cast<const sockaddr*>(&address),
             sizeof(address)) != 0) {
    return errno_error(errno, "taking the frames of " + interface_);
  }
  packet_mreq membership = {};
  membership.mr_ifindex = index;
  membership.mr_type = PACKET_MR_PROMISC;
  if (::setsockopt(fd_.get(), SOL_PACKET, PACKET_ADD_MEMBERSHIP, &membership,
                   sizeof(membership)) != 0) {
    return errno_error(errno, interface_ + ": promiscuous mode");
  }
  return {};
}

PacketPort::PacketPort(PacketPort&& other) noexcept
    : interface_(std::move(other.interface_)),
      fd_(std::move(other.fd_)),
      frame_bytes_max_(other.frame_bytes_max_),
      ring_(std::exchange(other.ring_, nullptr)),
      ring_bytes_(other.ring_bytes_),
      block_bytes_(other.block_bytes_),
      slot_bytes_(other.slot_bytes_),
      slots_per_block_(other.slots_per_block_),
      slots_(other.slots_),
      next_(other.next_),
      ring_drops_(other.ring_drops_) {}

PacketPort::~PacketPort() {
  if (ring_ != nullptr) ::munmap(ring_, ring_bytes_);
}

// The kernel counts anew after each look.
uint64_t PacketPort::ring_drops() {
  tpacket_stats stats = {};
  socklen_t length = sizeof(stats);
  if (::getsockopt(fd_.get(), SOL_PACKET, PACKET_STATISTICS, &stats, &length) ==
      0) {
    ring_drops_ += stats.tp_drops;
  }
  return ring_drops_;
}

}  // namespace causeway
