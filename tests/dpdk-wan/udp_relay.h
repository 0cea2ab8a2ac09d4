// UdpRelay: a thread between one connecting and one listening UDP endpoint,
// with the troubles of a network: loss, a slow link, a link that is cut.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <thread>

#include "engine/base/notifier.h"
#include "engine/base/time.h"
#include "engine/base/unique_fd.h"
#include "engine/path/socket_address.h"

namespace causeway {

struct RelayTrouble {
  double loss = 0;        // share of the datagrams, both ways
  uint64_t bytes_s = 0;   // from the connecting end; 0: no limit
  double duplicates = 0;  // share that comes twice
  uint64_t seed = 1;      // of the dice
};

class UdpRelay {
 public:
  UdpRelay(const SocketAddress& listener, const RelayTrouble& trouble);
  ~UdpRelay();

  std::string address() const { return local_address(front_.get()).text(); }
  // From here on nothing passes; or again.
  void cut() { cut_.store(true); }
  void mend() { cut_.store(false); }
  uint64_t forwarded() const { return forwarded_.load(); }
  uint64_t lost() const { return lost_.load(); }

 private:
  void run();

  SocketAddress listener_;
  RelayTrouble trouble_;
  UniqueFd front_;  // the connecting end sends here
  UniqueFd back_;   // ... and this sends on to the listener
  Notifier stop_;
  std::atomic<bool> cut_{false};
  std::atomic<uint64_t> forwarded_{0};
  std::atomic<uint64_t> lost_{0};
  std::thread thread_;
};

}  // namespace causeway
