// PacketPort: the frames of one network interface, whole, as a socket of
// family AF_PACKET has them: received through a ring that the kernel fills,
// sent in bursts past the interface's queueing discipline.
//
// A frame carries its FrameHead in front, in which the kernel says how far a
// checksum has been computed: it is handed back when the frame is sent, so
// that the ends may leave checksums to their interface. Segmentation they may
// not: a frame longer than the MTU is refused.
//
// One thread. receive and send allocate nothing.
#pragma once

#include <linux/if_packet.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "engine/base/result.h"
#include "engine/base/time.h"
#include "engine/base/unique_fd.h"
#include "tools/wan-emulator/limits.h"

struct mmsghdr;

namespace causeway {

// struct virtio_net_hdr of <linux/virtio_net.h>, which is no C++.
struct FrameHead {
  static constexpr uint8_t kNeedsChecksum = 1;
  static constexpr uint8_t kNotSegmented = 0;

  uint8_t flags;
  uint8_t segmentation;
  uint16_t head_bytes;
  uint16_t segment_bytes;
  uint16_t checksum_start;
  uint16_t checksum_offset;
};
inline constexpr size_t kFrameHeadBytes = sizeof(FrameHead);
static_assert(kFrameHeadBytes == 10);

// In the ring, until pop().
struct RingFrame {
  const std::byte* data = nullptr;  // FrameHead, then the frame
  uint32_t bytes = 0;               // of the frame
  Duration came{};                  // CLOCK_REALTIME, by the kernel
  bool refused = false;             // see above; or it has a VLAN tag
};

// To be sent: as RingFrame's.
struct FrameToSend {
  const std::byte* data = nullptr;
  uint32_t bytes = 0;
};

class PacketPort {
 public:
  // kNotFound: there is no such interface here; kPermission: CAP_NET_RAW is
  // missing; kInvalidArgument: it is not an Ethernet interface.
  static Result<PacketPort> open(const std::string& interface);
  PacketPort(PacketPort&& other) noexcept;
  PacketPort& operator=(PacketPort&&) = delete;
  ~PacketPort();

  const std::string& interface() const { return interface_; }
  // Readable when a frame is in the ring.
  int fd() const { return fd_.get(); }
  // The longest frame that the MTU, as it was at open(), allows.
  uint32_t frame_bytes_max() const { return frame_bytes_max_; }

  // False: the ring is empty.
  bool front(RingFrame* frame) const;
  void pop();

  // Sends at most kSendBurst frames. Returns how many the kernel refused (no
  // carrier, no memory): those are lost.
  size_t send(std::span<const FrameToSend> frames);

  // Frames that found the ring full since open().
  uint64_t ring_drops();

 private:
  PacketPort() = default;
  Status set_up(int index);
  Status map_ring();
  Status bind_to(int index);
  Status set_option(int option, int value, const char* what);
  tpacket2_hdr* ring_slot(size_t number) const;
  int send_some(std::span<mmsghdr> messages);

  std::string interface_;
  UniqueFd fd_;
  uint32_t frame_bytes_max_ = 0;
  std::byte* ring_ = nullptr;
  size_t ring_bytes_ = 0;
  size_t block_bytes_ = 0;
  size_t slot_bytes_ = 0;
  size_t slots_per_block_ = 0;
  size_t slots_ = 0;
  size_t next_ = 0;
  uint64_t ring_drops_ = 0;
};

}  // namespace causeway
