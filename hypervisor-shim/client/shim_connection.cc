#include "hypervisor-shim/client/shim_connection.h"

#include <utility>

#include "hypervisor-shim/protocol/limits.h"

namespace causeway::shim {

using std::chrono::milliseconds;

ShimConnection::ShimConnection(UniqueFd socket, std::string socket_path,
                               milliseconds call_timeout)
    : socket_(std::move(socket)),
      socket_path_(std::move(socket_path)),
      call_timeout_(call_timeout) {}

Result<ShimConnection::Hello> ShimConnection::receive_hello() {
  auto received = receiver_.receive(socket_.get(), call_timeout_);
  if (!received) return broken_off(MessageType::kHello, received.error());
  CAUSEWAY_ASSIGN(const Message message, decode_message(received->packet));
  if (message.header.type == MessageType::kRefused)
    return decode_error(message.payload);
  if (message.header.type != MessageType::kHello) {
    return make_error(ErrorCode::kPeerBroken,
                      "shim socket {}: {} came in place of hello", socket_path_,
                      message_type_name(message.header.type));
  }
  CAUSEWAY_ASSIGN(GuestSpec spec, decode_hello(message.payload));
  return Hello{std::move(spec), std::move(received->fds)};
}

Error ShimConnection::broken_off(MessageType type, const Error& cause) {
  const char* call = message_type_name(type);
  Error error = cause;
  if (cause.code == ErrorCode::kTimeout) {
    error = make_error(ErrorCode::kTimeout,
                       "shim socket {}: no answer to {} within {} ms; the "
                       "guest's VMM hangs",
                       socket_path_, call, call_timeout_.count());
  } else if (cause.code == ErrorCode::kConnectionLost) {
    error = make_error(ErrorCode::kGuestDied,
                       "shim socket {}: the guest's VMM closed it at {}; its "
                       "process has ended",
                       socket_path_, call);
    if (!died_) died_ = error;
  }
  broken_ = error;
  return error;
}

Result<ShimConnection::Answer> ShimConnection::call(MessageType type,
                                                    const Packet& request,
                                                    int fd) {
  if (broken_) return *broken_;
  ++sequence_;
  const std::span<const int> fds(&fd, fd >= 0 ? 1 : 0);
  const Status sent = send_packet(socket_.get(), request, fds, call_timeout_);
  // A VMM that closed may have said why before; that is read below.
  if (!sent && sent.error().code != ErrorCode::kConnectionLost)
    return broken_off(type, sent.error());
  return await_answer(type);
}

Status ShimConnection::call_empty(MessageType type) {
  CAUSEWAY_ASSIGN(const Answer answer, call(type, encode_empty(next(type))));
  return decode_empty(answer.payload);
}

Result<ShimConnection::Answer> ShimConnection::await_answer(MessageType type) {
  const auto deadline = std::chrono::steady_clock::now() + call_timeout_;
  while (true) {
    const auto left = std::chrono::ceil<milliseconds>(
        deadline - std::chrono::steady_clock::now());
    auto received =
        receiver_.receive(socket_.get(), std::max(left, milliseconds(0)));
    if (!received) return broken_off(type, received.error());
    CAUSEWAY_ASSIGN(auto answer, take(std::move(received).value(), type));
    if (answer) return std::move(*answer);
  }
}

Result<std::optional<ShimConnection::Answer>> ShimConnection::take(
    PacketReceiver::Received received, MessageType type) {
  const auto message = decode_message(received.packet);
  if (!message) return broken_off(type, message.error());
  const auto payload = message->payload;
  const auto [kind, sequence] = message->header;
  if (kind == MessageType::kDied) {
    auto why = decode_died(payload);
    if (!why) return broken_off(type, why.error());
    if (!died_)
      died_ = make_error(ErrorCode::kGuestDied, "the guest died: {}", *why);
    return std::optional<Answer>();
  }
  if (kind == MessageType::kRefused || kind == MessageType::kError) {
    Error error = decode_error(payload);
    if (kind == MessageType::kRefused) return broken_off(type, error);
    if (sequence == sequence_) return error;
  } else if (kind == MessageType::kOk && sequence == sequence_) {
    return std::optional(Answer{Packet(payload.begin(), payload.end()),
                                std::move(received.fds)});
  }
  return broken_off(
      type, make_error(ErrorCode::kPeerBroken,
                       "shim socket {}: {} with number {} came in answer to {} "
                       "with number {}",
                       socket_path_, message_type_name(kind), sequence,
                       message_type_name(type), sequence_));
}

std::optional<Error> ShimConnection::died() {
  while (!died_ && !broken_) {
    auto received = receiver_.receive(socket_.get(), milliseconds(0));
    if (!received) {
      if (received.error().code == ErrorCode::kTimeout) break;
      (void)broken_off(MessageType::kHello, received.error());
      break;
    }
    // No call is open, so all but news breaks the connection.
    (void)take(std::move(received).value(), MessageType::kHello).has_value();
  }
  return died_;
}

}  // namespace causeway::shim
