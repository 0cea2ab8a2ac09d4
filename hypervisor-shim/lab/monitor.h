// Monitor: JSON lines on a UNIX socket (0600), for operators, agent and tests.
// One request a line, one answer a line, in order for each connection:
//
//   {"command":"status"}     -> {"ok":true,"state":"running","steps":[..],..}
//   {"command":"check"}      -> {"ok":true|false,"pages":..,"blocks":..,
//                               "first_error":{"region","block","what"}}
//   {"command":"flip-bit","region":"ram0","offset":N,"bit":0..7,
//    "tracked":true}         -> {"ok":true}
//   {"command":"kill-guest"} -> {"ok":true}
//   {"command":"stop"}       -> {"ok":true}, then the VMM ends
//
// A request that cannot be served gives {"ok":false,"code":..,"message":..}.
#pragma once

#include <atomic>
#include <functional>
#include <list>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <thread>

#include "engine/base/result.h"
#include "engine/base/unique_fd.h"

namespace causeway::lab {

class Monitor {
 public:
  // Called on the monitor's thread. serve() answers, or starts what takes
  // time and answers nothing; then finished() is asked, after each poke(),
  // until it answers.
  struct Handler {
    std::function<std::optional<nlohmann::json>(const nlohmann::json&)> serve;
    std::function<std::optional<nlohmann::json>()> finished;
  };

  static Result<std::unique_ptr<Monitor>> create(const std::string& path,
                                                 Handler handler);
  // Ends the thread, removes the socket.
  ~Monitor();

  // Something may have finished. Any thread.
  void poke();

 private:
  struct Client {
    UniqueFd fd;
    std::string in;
    bool waits = false;  // for finished()
  };

  Monitor(std::string path, Handler handler, UniqueFd listener,
          UniqueFd wake_fd);
  void run();
  bool poll_once();
  void accept_client();
  bool read_from(Client& client);  // false: the client is gone
  bool serve_lines(Client& client);
  void serve_line(Client& client, const std::string& line);
  void answer_waiting();
  void answer(Client& client, const nlohmann::json& reply);

  std::string path_;
  Handler handler_;
  UniqueFd listener_;
  UniqueFd wake_fd_;
  std::atomic<bool> ending_{false};
  std::list<Client> clients_;
  std::thread thread_;
};

// {"ok":false,"code":"io","message":"..."}
nlohmann::json error_reply(const Error& error);

}  // namespace causeway::lab
