// TcpRelay: a wire with a fault: carries connections on to an address and flips
// one bit of what goes there. What comes back is left alone.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include "engine/base/unique_fd.h"

namespace causeway::integration {

class TcpRelay {
 public:
  // `to`: HOST:PORT, IPv4. The bit is in byte `at` of the first connection that
  // carries so much.
  TcpRelay(const std::string& to, uint64_t at);
  // Cuts all connections.
  ~TcpRelay();
  TcpRelay(const TcpRelay&) = delete;
  TcpRelay& operator=(const TcpRelay&) = delete;

  const std::string& address() const { return address_; }
  bool flipped() const { return flipped_; }

 private:
  void accept_all();
  // Until `from` ends.
  void carry(int from, int to, bool forth);

  const std::string to_;
  const uint64_t at_;
  std::string address_;
  UniqueFd listener_;
  std::atomic<bool> flipped_{false};
  std::vector<UniqueFd> sockets_;
  std::vector<std::thread> carriers_;
  std::thread acceptor_;
};

}  // namespace causeway::integration
