#include "hypervisor-shim/lab/monitor.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <nlohmann/json.hpp>
#include <vector>

#include "hypervisor-shim/lab/limits.h"
#include "hypervisor-shim/lab/unix_socket.h"

namespace causeway::lab {

using nlohmann::json;

json error_reply(const Error& error) {
  return {{"ok", false},
          {"code", error_code_name(error.code)},
          {"message", error.message}};
}

Result<std::unique_ptr<Monitor>> Monitor::create(const std::string& path,
                                                 Handler handler) {
  CAUSEWAY_ASSIGN(UniqueFd listener, listen_unix(path));
  UniqueFd wake_fd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wake_fd) return errno_error(errno, "make an eventfd");
  return std::unique_ptr<Monitor>(new Monitor(
      path, std::move(handler), std::move(listener), std::move(wake_fd)));
}

Monitor::Monitor(std::string path, Handler handler, UniqueFd listener,
                 UniqueFd wake_fd)
    : path_(std::move(path)),
      handler_(std::move(handler)),
      listener_(std::move(listener)),
      wake_fd_(std::move(wake_fd)),
      thread_([this] { run(); }) {}

Monitor::~Monitor() {
  ending_ = true;
  poke();
  thread_.join();
  ::unlink(path_.c_str());
}

void Monitor::poke() {
  const uint64_t one = 1;
  // A full counter wakes just as well.
  [[maybe_unused]] const auto written =
      ::write(wake_fd_.get(), &one, sizeof(one));
}

void Monitor::run() {
  while (!ending_ && poll_once()) {
  }
}

bool Monitor::poll_once() {
  std::vector<pollfd> fds = {{wake_fd_.get(), POLLIN, 0},
                             {listener_.get(), POLLIN, 0}};
  bool waiting = false;
  for (const Client& client : clients_) {
    // One request at a time: the next line waits in the socket.
    fds.push_back(
        {client.fd.get(), static_cast<short>(client.waits ? 0 : POLLIN), 0});
    waiting = waiting || client.waits;
  }
  const int ready = ::poll(fds.data(), fds.size(), waiting ? 100 : -1);
  if (ready < 0) return errno == EINTR;
  uint64_t count = 0;
  [[maybe_unused]] const auto got =
      ::read(wake_fd_.get(), &count, sizeof(count));
  size_t index = 2;
  for (auto client = clients_.begin(); client != clients_.end(); ++index) {
    const bool gone = fds[index].revents != 0 && !read_from(*client);
    client = gone ? clients_.erase(client) : std::next(client);
  }
  if (waiting) answer_waiting();
  if (fds[1].revents & POLLIN) accept_client();
  return true;
}

void Monitor::accept_client() {
  UniqueFd fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
  if (!fd || clients_.size() >= kMonitorClientsMax) return;
  clients_.push_back({std::move(fd), {}, false});
}

bool Monitor::read_from(Client& client) {
  char buffer[1024];
  const ssize_t got =
      ::recv(client.fd.get(), buffer, sizeof(buffer), MSG_DONTWAIT);
  if (got < 0) return errno == EAGAIN || errno == EINTR;
  if (got == 0) return false;
  client.in.append(buffer, static_cast<size_t>(got));
  return serve_lines(client);
}

bool Monitor::serve_lines(Client& client) {
  for (;;) {
    const auto end = client.in.find('\n');
    if (end == std::string::npos || client.waits) break;
    const std::string line = client.in.substr(0, end);
    client.in.erase(0, end + 1);
    serve_line(client, line);
  }
  return client.in.size() <= kMonitorLineBytesMax;
}

void Monitor::serve_line(Client& client, const std::string& line) {
  const json request = json::parse(line, nullptr, false);
  if (!request.is_object() || !request.contains("command") ||
      !request["command"].is_string()) {
    answer(client, error_reply(make_error(
                       ErrorCode::kInvalidArgument,
                       "a request is one line of JSON with a \"command\"")));
    return;
  }
  const auto reply = handler_.serve(request);
  if (reply) {
    answer(client, *reply);
  } else {
    client.waits = true;
  }
}

void Monitor::answer_waiting() {
  const auto reply = handler_.finished();
  if (!reply) return;
  for (Client& client : clients_) {
    if (!client.waits) continue;
    client.waits = false;
    answer(client, *reply);
    serve_lines(client);
  }
}

void Monitor::answer(Client& client, const json& reply) {
  const std::string line =
      reply.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
  // A client that does not read loses its answer, not the guest.
  [[maybe_unused]] const auto sent = ::send(
      client.fd.get(), line.data(), line.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
}

}  // namespace causeway::lab
