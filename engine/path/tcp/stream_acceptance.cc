#include "engine/path/tcp/stream_acceptance.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

#include "engine/base/assert.h"
#include "engine/path/socket_address.h"
#include "engine/path/tcp/limits.h"

namespace causeway {
namespace {

// Of the connection that was to be accepted, not of the listener (accept(2)).
bool is_trouble_of_one(int errno_value) {
  switch (errno_value) {
    case EINTR:
    case ECONNABORTED:
    case EPROTO:
    case ENETDOWN:
    case ENETUNREACH:
    case EHOSTDOWN:
    case EHOSTUNREACH:
    case ENONET:
    case ENOPROTOOPT:
    case EOPNOTSUPP:
    case ETIMEDOUT:
    case EPERM:
      return true;
    default:
      return false;
  }
}

// A record that begins a handshake (RFC 8446, 5.1).
bool looks_like_tls(std::span<const std::byte> bytes) {
  return bytes[0] == std::byte{22} && bytes[1] == std::byte{3};
}

}  // namespace

StreamAcceptance::StreamAcceptance(int listening_fd, const PathToken& token,
                                   uint16_t streams, const TlsContext* tls)
    : listening_fd_(listening_fd),
      token_(token),
      tls_(tls),
      streams_(size_t{1} + streams) {}

// The deadline, the listener, then two entries a stranger.
void StreamAcceptance::fill_waiting(const Deadline& deadline) {
  waiting_.assign({{deadline.fd(), POLLIN, 0}, {listening_fd_, POLLIN, 0}});
  for (const Stranger& stranger : strangers_) {
    const bool sends = stranger.handshake == TlsSession::Handshake::kWantsWrite;
    waiting_.push_back({stranger.stream.fd(),
                        static_cast<short>(sends ? POLLOUT : POLLIN), 0});
    waiting_.push_back({stranger.silence.fd(), POLLIN, 0});
  }
}

Result<bool> StreamAcceptance::step(const Deadline& deadline) {
  fill_waiting(deadline);
  if (::poll(waiting_.data(), waiting_.size(), -1) < 0) {
    CAUSEWAY_ASSERT(errno == EINTR);
    return true;
  }
  if (waiting_[0].revents != 0) return false;
  // The oldest first, heard whether poll() saw it or not: the source says its
  // hellos in order, and reads the answer to its first one first.
  for (size_t i = 0; i < strangers_.size(); ++i) {
    CAUSEWAY_ASSIGN(Verdict verdict, hear(strangers_[i]));
    if (verdict == Verdict::kWait && waiting_[3 + 2 * i].revents != 0) {
      verdict = Verdict::kDrop;
    }
    if (verdict == Verdict::kAccept) accept(strangers_[i]);
    if (verdict == Verdict::kDrop) strangers_[i].stream = {};
  }
  std::erase_if(strangers_, [](const Stranger& stranger) {
    return !stranger.stream;  // dropped, or a stream of the path now
  });
  if (waiting_[1].revents != 0) CAUSEWAY_TRY(greet_new());
  return true;
}

Status StreamAcceptance::greet_new() {
  UniqueFd fd(
      ::accept4(listening_fd_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (!fd) {
    if (errno == EAGAIN || is_trouble_of_one(errno)) return {};
    return errno_error(errno, "No stream can be accepted");
  }
  // A socket that is gone already refuses its options: a stranger's trouble.
  if (!set_stream_options(fd.get())) return {};
  if (strangers_.size() == kTcpStrangersMax) {
    strangers_.erase(strangers_.begin());
  }
  std::string peer = remote_address(fd.get()).text();
  TcpStream stream(std::move(fd), std::move(peer));
  if (tls_ != nullptr) stream.start_tls(*tls_, TlsEnd::kAccepting);
  strangers_.push_back(Stranger{std::move(stream), Deadline(kTcpHelloWaitMax)});
  return {};
}

Result<StreamAcceptance::Verdict> StreamAcceptance::hear(Stranger& stranger) {
  if (stranger.handshake != TlsSession::Handshake::kDone) {
    const Verdict shaken = shake(stranger);
    if (shaken != Verdict::kAccept) return shaken;
  }
  // Never beyond the hello: what follows belongs to the channel.
  const StreamIo io =
      stranger.stream.receive(std::span(stranger.hello).subspan(stranger.got));
  stranger.got += io.bytes;
  if (io.state == StreamIo::State::kClosed ||
      io.state == StreamIo::State::kBroken) {
    if (io.refused) {
      turn_away(stream_lost(io, stranger.stream.peer()).message);
    }
    return Verdict::kDrop;
  }
  if (stranger.got < Hello::kBytes) return Verdict::kWait;
  const auto hello = decode_hello(stranger.hello);
  if (!hello && tls_ == nullptr && looks_like_tls(stranger.hello)) {
    turn_away(fmt::format("{} speaks TLS, this end speaks in the clear.",
                          stranger.stream.peer()));
  }
  if (!hello || !tokens_equal(hello->token, token_)) return Verdict::kDrop;
  return judge(*hello, stranger);
}

// kAccept: it may go on to its hello.
StreamAcceptance::Verdict StreamAcceptance::shake(Stranger& stranger) {
  auto handshake = stranger.stream.shake();
  if (!handshake) {
    // Who hangs up says less than who was refused before.
    const bool hung_up = handshake.error().code == ErrorCode::kConnectionLost;
    if (!hung_up || last_refusal_.empty()) {
      turn_away(handshake.error().message);
    }
    return Verdict::kDrop;
  }
  stranger.handshake = *handshake;
  return *handshake == TlsSession::Handshake::kDone ? Verdict::kAccept
                                                    : Verdict::kWait;
}

void StreamAcceptance::turn_away(const std::string& why) {
  last_refusal_ = " The last that was turned away: " + why;
}

// Knows the token, so trouble from here on is the peer's and worth a sentence.
Result<StreamAcceptance::Verdict> StreamAcceptance::judge(const Hello& hello,
                                                          Stranger& stranger) {
  const std::string& peer = stranger.stream.peer();
  if (hello.version != Hello::kVersion) {
    answer(stranger, Answer::kOtherVersion);
    return make_error(ErrorCode::kIncompatible,
                      "{} speaks version {} of the stream protocol, this host "
                      "version {}: install the same Causeway on both.",
                      peer, hello.version, Hello::kVersion);
  }
  const size_t bulk_streams = streams_.size() - 1;
  if (hello.stream_count != bulk_streams) {
    answer(stranger, Answer::kOtherStreamCount);
    return make_error(ErrorCode::kIncompatible,
                      "{} opens {} streams, {} are expected.", peer,
                      hello.stream_count, bulk_streams);
  }
  if (index_of(hello) >= streams_.size()) return Verdict::kDrop;
  if (streams_[index_of(hello)]) {
    answer(stranger, Answer::kTaken);
    return Verdict::kDrop;
  }
  return answer(stranger, Answer::kWelcome) ? Verdict::kAccept : Verdict::kDrop;
}

bool StreamAcceptance::answer(Stranger& stranger, Answer answer) {
  const auto bytes = encode_welcome({Hello::kVersion, answer});
  // A fresh socket takes eight bytes whole, or it is gone.
  return stranger.stream.send(bytes).bytes == bytes.size();
}

void StreamAcceptance::accept(Stranger& stranger) {
  const auto hello = decode_hello(stranger.hello);
  streams_[index_of(*hello)] = std::move(stranger.stream);
  ++accepted_;
}

size_t StreamAcceptance::index_of(const Hello& hello) const {
  if (hello.role == StreamRole::kControl) return 0;
  return size_t{1} + hello.stream_index;
}

}  // namespace causeway
