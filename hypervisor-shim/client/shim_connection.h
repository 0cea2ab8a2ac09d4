// ShimConnection: requests and answers on one shim socket, and the news that
// comes between them.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/base/result.h"
#include "engine/base/unique_fd.h"
#include "hypervisor-shim/protocol/message.h"
#include "hypervisor-shim/protocol/seqpacket.h"

namespace causeway::shim {

class ShimConnection {
 public:
  struct Hello {
    GuestSpec spec;
    std::vector<UniqueFd> fds;
  };
  struct Answer {
    Packet payload;
    std::vector<UniqueFd> fds;
  };

  ShimConnection(UniqueFd socket, std::string socket_path,
                 std::chrono::milliseconds call_timeout);

  // What the VMM says first. Once, before all calls.
  Result<Hello> receive_hello();

  // The header of the next request.
  Header next(MessageType type) { return Header{type, sequence_ + 1}; }

  // Sends `request`, made with next(), and waits for its answer. An Error of
  // the VMM leaves the connection as it was; any other is its end.
  Result<Answer> call(MessageType type, const Packet& request, int fd = -1);

  // Request and answer have no payload.
  Status call_empty(MessageType type);

  // Looks at what has come without waiting.
  std::optional<Error> died();

 private:
  Result<Answer> await_answer(MessageType type);
  // An answer, or nothing when the message was news.
  Result<std::optional<Answer>> take(PacketReceiver::Received received,
                                     MessageType type);
  Error broken_off(MessageType type, const Error& cause);

  UniqueFd socket_;
  std::string socket_path_;
  std::chrono::milliseconds call_timeout_;
  PacketReceiver receiver_;
  uint32_t sequence_ = 0;
  std::optional<Error> broken_;  // no more calls; why
  std::optional<Error> died_;
};

}  // namespace causeway::shim
