// The shim socket: SOCK_SEQPACKET over a UNIX path, packets with descriptors.
#pragma once

#include <chrono>
#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "engine/base/result.h"
#include "engine/base/unique_fd.h"
#include "hypervisor-shim/protocol/message.h"

namespace causeway::shim {

// Listens at `path`, which only this user may connect to (0600). A socket
// that a dead process left there is replaced; any other file is an Error.
Result<UniqueFd> listen_at(const std::string& path);

// Never waits: a VMM whose queue is full is an Error.
Result<UniqueFd> connect_to(const std::string& path);

// Whether the process at the other end runs as this user or as root.
bool peer_is_trusted(int socket);

// Sends one packet with copies of `fds`. Waits at most `timeout` for room.
Status send_packet(int socket, std::span<const std::byte> packet,
                   std::span<const int> fds, std::chrono::milliseconds timeout);

// Receives packets into a buffer of its own, which the next call reuses.
class PacketReceiver {
 public:
  PacketReceiver();

  struct Received {
    std::span<const std::byte> packet;
    std::vector<UniqueFd> fds;
  };

  // kTimeout when nothing came; kConnectionLost when the other end is gone;
  // kPeerBroken for a packet or descriptors beyond the limits.
  Result<Received> receive(int socket, std::chrono::milliseconds timeout);

 private:
  std::vector<std::byte> buffer_;
};

}  // namespace causeway::shim
