// LinkThread: the thread that drives a link. It runs where the thread that
// starts it may run.
#pragma once

#include <memory>
#include <thread>

#include "dpdk-wan/link/wan_link.h"
#include "engine/runtime/driver.h"

namespace causeway {

class LinkThread {
 public:
  explicit LinkThread(std::unique_ptr<WanLink> link);
  // Closes the link: waits until all that was sent has arrived, for as long
  // as kWanLingerMax says.
  ~LinkThread();

  WanLink& link() { return *link_; }
  // Until the link is open: an Error says why it is not, without the peer's
  // name. kTimeout after `timeout`.
  // kCancelled: `cancel_fd` became readable.
  Status await_open(Duration timeout, int cancel_fd = -1);
  // Until the link has ended, or `cancel_fd` is readable; whether it has.
  bool await_end(int cancel_fd);
  // Ends the thread; what the link knows may be read then.
  void stop();

 private:
  std::unique_ptr<WanLink> link_;
  Driver driver_;
  std::thread thread_;
};

// Sends and receives on a stream that has just opened, waiting for it.
Status send_whole(ByteStream& stream, std::span<const std::byte> bytes,
                  Duration timeout);
Status receive_whole(ByteStream& stream, std::span<std::byte> bytes,
                     Duration timeout);

}  // namespace causeway
