// StreamAcceptance: the streams of one migration, gathered from a listening
// socket among strangers. Lives as long as one TcpListener::accept().
#pragma once

#include <poll.h>

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "engine/base/result.h"
#include "engine/path/tcp/hello.h"
#include "engine/path/tcp/tcp_socket.h"

namespace causeway {

class StreamAcceptance {
 public:
  StreamAcceptance(int listening_fd, const PathToken& token, uint16_t streams);

  // Waits and works until something happened or `deadline` passed (false).
  Result<bool> step(const Deadline& deadline);

  bool complete() const { return accepted_ == streams_.size(); }
  size_t accepted() const { return accepted_; }
  // [0] the control stream, [1 + worker] a worker's.
  std::vector<TcpStream> take() { return std::move(streams_); }

 private:
  // Connected, but has not said all of its hello.
  struct Stranger {
    TcpStream stream;
    Deadline silence;
    std::array<std::byte, Hello::kBytes> hello{};
    size_t got = 0;
  };
  enum class Verdict { kWait, kDrop, kAccept };

  Status greet_new();
  Result<Verdict> hear(Stranger& stranger);
  Result<Verdict> judge(const Hello& hello, const Stranger& stranger);
  static bool answer(const Stranger& stranger, Answer answer);
  void accept(Stranger& stranger);
  size_t index_of(const Hello& hello) const;
  void fill_waiting(const Deadline& deadline);

  int listening_fd_;
  PathToken token_;
  std::vector<TcpStream> streams_;
  size_t accepted_ = 0;
  std::vector<Stranger> strangers_;  // the oldest first
  std::vector<pollfd> waiting_;
};

}  // namespace causeway
