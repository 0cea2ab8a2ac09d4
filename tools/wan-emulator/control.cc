#include "tools/wan-emulator/control.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "tools/wan-emulator/limits.h"

namespace causeway {
namespace {

Result<sockaddr_un> address_of(const std::string& path) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof(address.sun_path)) {
    return make_error(ErrorCode::kInvalidArgument,
                      "the path of a socket has 1 to {} bytes, \"{}\" has not",
                      sizeof(address.sun_path) - 1, path);
  }
  path.copy(address.sun_path, path.size());
  return address;
}

// Only of what is a socket, and only when nobody answers there.
void remove_stale(const std::string& path, const sockaddr_un& address) {
  struct stat stat = {};
  if (::lstat(path.c_str(), &stat) != 0 || !S_ISSOCK(stat.st_mode)) return;
  const UniqueFd probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (::connect(probe.get(), reinterpret_cast<const sockaddr*>(&address),
                sizeof(address)) != 0 &&
      errno == ECONNREFUSED) {
    ::unlink(path.c_str());
  }
}

// False when not all of it could be written without waiting. An answer is
// shorter than what a pipe that is ready takes (PIPE_BUF).
bool write_at_once(int fd, const std::string& text) {
  pollfd ready = {fd, POLLOUT, 0};
  if (::poll(&ready, 1, 0) != 1) return false;
  return ::write(fd, text.data(), text.size()) ==
         static_cast<ssize_t>(text.size());
}

}  // namespace

Control::~Control() {
  if (!path_.empty()) ::unlink(path_.c_str());
}

void Control::use_standard_streams() {
  Client standard;
  standard.in = STDIN_FILENO;
  standard.out = STDOUT_FILENO;
  standard.is_standard = true;
  clients_.push_back(std::move(standard));
}

Status Control::listen(const std::string& path) {
  CAUSEWAY_ASSIGN(const sockaddr_un address, address_of(path));
  remove_stale(path, address);
  listener_.reset(
      ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!listener_) return errno_error(errno, "a socket for commands");
  const mode_t mask = ::umask(0177);
  const int bound =
      ::bind(listener_.get(), reinterpret_cast<const sockaddr*>(&address),
             sizeof(address));
  const int bind_errno = errno;
  ::umask(mask);
  if (bound != 0) return errno_error(bind_errno, "listening at " + path);
  path_ = path;
  if (::listen(listener_.get(), kControlClientsMax) != 0) {
    return errno_error(errno, "listening at " + path);
  }
  return {};
}

std::span<pollfd> Control::fds() {
  fds_.clear();
  for (const Client& client : clients_) fds_.push_back({client.in, POLLIN, 0});
  const bool room = clients_.size() < kControlClientsMax;
  if (listener_ && room) fds_.push_back({listener_.get(), POLLIN, 0});
  return fds_;
}

void Control::serve() {
  for (size_t i = clients_.size(); i-- > 0;) {
    if (fds_[i].revents == 0 || serve_client(&clients_[i])) continue;
    clients_.erase(clients_.begin() + static_cast<std::ptrdiff_t>(i));
  }
  if (listener_ && !fds_.empty() && fds_.back().fd == listener_.get() &&
      fds_.back().revents != 0) {
    accept_client();
  }
  for (pollfd& each : fds_) each.revents = 0;
}

void Control::accept_client() {
  Client client;
  client.fd.reset(::accept4(listener_.get(), nullptr, nullptr,
                            SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!client.fd) return;
  client.in = client.out = client.fd.get();
  clients_.push_back(std::move(client));
}

// False: the client is gone, or is to go.
bool Control::serve_client(Client* client) {
  std::array<char, kCommandBytesMax> bytes;
  const ssize_t got = ::read(client->in, bytes.data(), bytes.size());
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return true;
  if (got <= 0) {
    if (client->is_standard) answer_("end");
    return false;
  }
  client->pending.append(bytes.data(), static_cast<size_t>(got));
  for (size_t end; (end = client->pending.find('\n')) != std::string::npos;) {
    const std::string answer = answer_(client->pending.substr(0, end)) + "\n";
    client->pending.erase(0, end + 1);
    if (!write_at_once(client->out, answer)) {
      if (client->is_standard) answer_("end");
      return false;
    }
  }
  return client->pending.size() <= kCommandBytesMax;
}

}  // namespace causeway
