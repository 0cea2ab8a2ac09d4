// Control: where commands to a running emulator come from: standard input and
// the clients of a UNIX socket. A command is a line, and so is its answer:
//
//   set DIRECTION SETTINGS     {"ok":true}            (change.h)
//   counters                   {"ok":true,"counters":{...}}
//   end                        {"ok":true}
//   anything else              {"ok":false,"error":"..."}
//
// One thread. Nobody who is slow, silent or wrong holds the emulator up: an
// answer that a client does not take at once ends its connection.
#pragma once

#include <poll.h>

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "engine/base/result.h"
#include "engine/base/unique_fd.h"

namespace causeway {

class Control {
 public:
  using Answer = std::function<std::string(const std::string& line)>;

  explicit Control(Answer answer) : answer_(std::move(answer)) {}
  ~Control();
  Control(const Control&) = delete;
  Control& operator=(const Control&) = delete;

  // Commands on stdin, answers on stdout. Its end is one more command: end.
  void use_standard_streams();
  // Whoever may open the socket (mode 0600) may command. A socket that nobody
  // listens on any more is replaced.
  Status listen(const std::string& path);

  // What to wait for; the same order and number until serve().
  std::span<pollfd> fds();
  // Takes what has come.
  void serve();

 private:
  struct Client {
    UniqueFd fd;
    int in = -1;
    int out = -1;
    std::string pending;
    bool is_standard = false;
  };
  bool serve_client(Client* client);
  void accept_client();

  Answer answer_;
  std::string path_;
  UniqueFd listener_;
  std::vector<Client> clients_;
  std::vector<pollfd> fds_;
};

}  // namespace causeway
