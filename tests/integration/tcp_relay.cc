#include "tests/integration/tcp_relay.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <vector>

#include "engine/base/assert.h"

namespace causeway::integration {
namespace {

sockaddr_in parse(const std::string& text) {
  const size_t colon = text.rfind(':');
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(atoi(&text[colon + 1])));
  CAUSEWAY_ASSERT(inet_pton(AF_INET, text.substr(0, colon).c_str(),
                            &address.sin_addr) == 1);
  return address;
}

UniqueFd tcp_socket() {
  UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  CAUSEWAY_ASSERT(fd);
  return fd;
}

bool send_all(int fd, const char* bytes, size_t count) {
  while (count > 0) {
    const ssize_t sent = ::send(fd, bytes, count, MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes += sent;
    count -= static_cast<size_t>(sent);
  }
  return true;
}

}  // namespace

TcpRelay::TcpRelay(const std::string& to, uint64_t at)
    : to_(to), at_(at), listener_(tcp_socket()) {
  sockaddr_in address = parse("127.0.0.1:0");
  auto* const bound = reinterpret_cast<sockaddr*>(&address);
  socklen_t bytes = sizeof(address);
  CAUSEWAY_ASSERT(::bind(listener_.get(), bound, bytes) == 0);
  CAUSEWAY_ASSERT(::listen(listener_.get(), SOMAXCONN) == 0);
  CAUSEWAY_ASSERT(::getsockname(listener_.get(), bound, &bytes) == 0);
  address_ = "127.0.0.1:" + std::to_string(ntohs(address.sin_port));
  acceptor_ = std::thread([this] { accept_all(); });
}

TcpRelay::~TcpRelay() {
  ::shutdown(listener_.get(), SHUT_RDWR);
  acceptor_.join();
  for (const UniqueFd& fd : sockets_) ::shutdown(fd.get(), SHUT_RDWR);
  for (std::thread& carrier : carriers_) carrier.join();
}

void TcpRelay::accept_all() {
  const sockaddr_in there = parse(to_);
  for (;;) {
    UniqueFd in(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!in) return;
    UniqueFd out = tcp_socket();
    if (::connect(out.get(), reinterpret_cast<const sockaddr*>(&there),
                  sizeof(there)) != 0) {
      continue;
    }
    const int source = in.get();
    const int target = out.get();
    sockets_.push_back(std::move(in));
    sockets_.push_back(std::move(out));
    carriers_.emplace_back([=, this] { carry(source, target, true); });
    carriers_.emplace_back([=, this] { carry(target, source, false); });
  }
}

void TcpRelay::carry(int from, int to, bool forth) {
  std::vector<char> buffer(64 << 10);
  uint64_t carried = 0;
  for (;;) {
    const ssize_t got = ::recv(from, buffer.data(), buffer.size(), 0);
    if (got <= 0) break;
    const uint64_t end = carried + static_cast<uint64_t>(got);
    if (forth && carried <= at_ && at_ < end && !flipped_.exchange(true)) {
      buffer[at_ - carried] ^= 1;
    }
    carried = end;
    if (!send_all(to, buffer.data(), static_cast<size_t>(got))) break;
  }
  ::shutdown(to, SHUT_WR);
}

}  // namespace causeway::integration
