// How the two ends of an RdmaEndpoint find each other: by rdma_cm, at an
// address of a verbs device, and by a secret that the ends have agreed on over
// an authenticated channel: a stranger who reaches the port is turned away.
//
//   target                                source
//   RdmaListener::listen(addresses)
//     (addresses, secret)  ==============>
//   await(secret, worker)         <------  connect_endpoint(..., secret,
//   worker) accept(welcome)               ------>
//
// The workers of a path come one after the other. Everything waits at most for
// the deadline.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "engine/base/result.h"
#include "engine/path/socket_address.h"
#include "engine/path/tcp/tcp_socket.h"
#include "rdma/verbs/endpoint.h"
#include "rdma/wire/offer.h"

namespace causeway {

// What the target said when it let the connection in; rdma_cm pads it.
struct PlainConnection {
  std::unique_ptr<RdmaEndpoint> endpoint;
  std::vector<std::byte> said;
};

struct RdmaConnection {
  std::unique_ptr<RdmaEndpoint> endpoint;
  RdmaWelcome welcome;
};

// The source's end, from the verbs device that has the address `from`.
// kUnreachable: no way there by a verbs device; kPermission: the target does
// not know the secret; kTimeout.
Result<RdmaConnection> connect_endpoint(const SocketAddress& from,
                                        const SocketAddress& to,
                                        const RdmaSecret& secret,
                                        uint16_t worker,
                                        const DeviceLimits& limits,
                                        const Deadline& deadline);

// The same for who has no ring to be told of.
Result<PlainConnection> connect_plain(const SocketAddress& from,
                                      const SocketAddress& to,
                                      const RdmaSecret& secret, uint16_t worker,
                                      const DeviceLimits& limits,
                                      const Deadline& deadline);

class RdmaListener {
 public:
  // "address:port" each, of verbs devices; port 0 takes a free one. kNotFound:
  // no verbs device has any of them.
  static Result<RdmaListener> listen(const std::vector<std::string>& addresses);

  // Where it really listens, in that order; empty: no device has it.
  std::vector<std::string> addresses() const;

  struct Arrival {
    uint16_t worker = 0;
    std::unique_ptr<RdmaEndpoint> endpoint;
  };
  // The end of one of `workers` workers from `first` on that asks with
  // `secret`, at any of the addresses; `limits` as RdmaEndpoint::make. It is
  // not connected before accept(). kCancelled: `called_off_fd` became readable
  // first; kTimeout; kUnreachable: the last device has been taken away;
  // anything else: one that asked could not be taken, the others may.
  Result<Arrival> await_any(const RdmaSecret& secret, uint16_t first,
                            uint16_t workers, const DeviceLimits& limits,
                            int called_off_fd, const Deadline& deadline);
  // The same for one of them alone.
  Result<std::unique_ptr<RdmaEndpoint>> await(const RdmaSecret& secret,
                                              uint16_t worker,
                                              const DeviceLimits& limits,
                                              int called_off_fd,
                                              const Deadline& deadline);
  // Lets it in: from here on the source may send.
  static Status accept(RdmaEndpoint& endpoint, const RdmaWelcome& welcome,
                       const Deadline& deadline) {
    return accept(endpoint, encode_rdma_welcome(welcome), deadline);
  }
  static Status accept(RdmaEndpoint& endpoint, std::span<const std::byte> said,
                       const Deadline& deadline);

 private:
  explicit RdmaListener(EventChannel events) : events_(std::move(events)) {}
  // Its device has been taken away. kUnreachable: it was the last.
  Status forget(rdma_cm_id* gone);

  EventChannel events_;
  std::vector<ConnectionId> ids_;  // by address; nullptr: no device has it
};

}  // namespace causeway
