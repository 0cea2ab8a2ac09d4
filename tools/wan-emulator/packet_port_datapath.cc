#include <sys/socket.h>

#include <atomic>
#include <cerrno>
#include <cstring>

#include "engine/base/assert.h"
#include "tools/wan-emulator/packet_port.h"

namespace causeway {
namespace {

// The kernel writes it from another processor.
uint32_t status_of(tpacket2_hdr* head) {
  return std::atomic_ref<uint32_t>(head->tp_status)
      .load(std::memory_order_acquire);
}

}  // namespace

// A slot does not cross the end of its block.
tpacket2_hdr* PacketPort::ring_slot(size_t number) const {
  const size_t block = number / slots_per_block_;
  const size_t slot = number % slots_per_block_;
  return reinterpret_cast<tpacket2_hdr*>(ring_ + block * block_bytes_ +
                                         slot * slot_bytes_);
}

bool PacketPort::front(RingFrame* frame) const {
  tpacket2_hdr* head = ring_slot(next_);
  const uint32_t status = status_of(head);
  if ((status & TP_STATUS_USER) == 0) return false;
  const size_t data = head->tp_mac - kFrameHeadBytes;
  CAUSEWAY_ASSERT(data + kFrameHeadBytes + head->tp_snaplen <= slot_bytes_);
  frame->data = reinterpret_cast<const std::byte*>(head) + data;
  frame->bytes = head->tp_len;
  frame->came = std::chrono::seconds(head->tp_sec) +
                std::chrono::nanoseconds(head->tp_nsec);
  FrameHead offload;
  std::memcpy(&offload, frame->data, sizeof(offload));
  frame->refused = offload.segmentation != FrameHead::kNotSegmented ||
                   head->tp_snaplen != head->tp_len || head->tp_len == 0 ||
                   head->tp_len > frame_bytes_max_ ||
                   (status & TP_STATUS_VLAN_VALID) != 0;
  return true;
}

void PacketPort::pop() {
  std::atomic_ref<uint32_t>(ring_slot(next_)->tp_status)
      .store(TP_STATUS_KERNEL, std::memory_order_release);
  if (++next_ == slots_) next_ = 0;
}

int PacketPort::send_some(std::span<mmsghdr> messages) {
  int sent = 0;
  do {
    sent = ::sendmmsg(fd_.get(), messages.data(),
                      static_cast<unsigned>(messages.size()),
                      MSG_DONTWAIT | MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  return sent;
}

size_t PacketPort::send(std::span<const FrameToSend> frames) {
  CAUSEWAY_ASSERT(frames.size() <= kSendBurst);
  std::array<iovec, kSendBurst> pieces;
  std::array<mmsghdr, kSendBurst> messages;
  for (size_t i = 0; i < frames.size(); ++i) {
    pieces[i] = {const_cast<std::byte*>(frames[i].data),
                 kFrameHeadBytes + frames[i].bytes};
    messages[i] = {};
    messages[i].msg_hdr.msg_iov = &pieces[i];
    messages[i].msg_hdr.msg_iovlen = 1;
  }
  size_t done = 0;
  size_t failed = 0;
  while (done < frames.size()) {
    const int sent =
        send_some(std::span(messages).subspan(done, frames.size() - done));
    if (sent > 0) {
      done += static_cast<size_t>(sent);
      continue;
    }
    // The first of the rest cannot be sent: go on behind it.
    ++done;
    ++failed;
  }
  return failed;
}

}  // namespace causeway
