// StreamAcceptance: the streams of one migration, gathered from a listening
// socket among strangers. Lives as long as one TcpListener::accept().
#pragma once

#include <poll.h>

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "engine/base/result.h"
#include "engine/path/stream/hello.h"
#include "engine/path/tcp/tcp_socket.h"
#include "engine/path/tcp/tcp_stream.h"

namespace causeway {

class StreamAcceptance {
 public:
  // `tls` outlives it; nullptr: the streams are in the clear.
  StreamAcceptance(int listening_fd, const PathToken& token, uint16_t streams,
                   const TlsContext* tls);

  // Waits and works until something happened or `deadline` passed (false).
  Result<bool> step(const Deadline& deadline);

  bool complete() const { return accepted_ == streams_.size(); }
  size_t accepted() const { return accepted_; }
  // " The last that was turned away: ...", or nothing.
  const std::string& last_refusal() const { return last_refusal_; }
  // [0] the control stream, [1 + worker] a worker's.
  std::vector<TcpStream> take() { return std::move(streams_); }

 private:
  // Connected, but has not shaken hands and said all of its hello. Both
  // together have the time that a hello has.
  struct Stranger {
    TcpStream stream;
    Deadline silence;
    TlsSession::Handshake handshake = TlsSession::Handshake::kWantsRead;
    std::array<std::byte, Hello::kBytes> hello{};
    size_t got = 0;
  };
  enum class Verdict { kWait, kDrop, kAccept };

  Status greet_new();
  Result<Verdict> hear(Stranger& stranger);
  Verdict shake(Stranger& stranger);
  Result<Verdict> judge(const Hello& hello, Stranger& stranger);
  static bool answer(Stranger& stranger, Answer answer);
  void turn_away(const std::string& why);
  void accept(Stranger& stranger);
  size_t index_of(const Hello& hello) const;
  void fill_waiting(const Deadline& deadline);

  int listening_fd_;
  PathToken token_;
  const TlsContext* tls_;
  std::vector<TcpStream> streams_;
  size_t accepted_ = 0;
  std::vector<Stranger> strangers_;  // the oldest first
  std::vector<pollfd> waiting_;
  std::string last_refusal_;
};

}  // namespace causeway
