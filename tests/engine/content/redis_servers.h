// RedisServers: three real redis-servers of a test, in cluster mode, on the
// loopback, with no persistence, in a folder of their own. They die with the
// thread that started them.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "engine/base/result.h"
#include "engine/content/redis_slots.h"
#include "tests/engine/content/test_folder.h"
#include "tools/process/child_process.h"

namespace causeway {

class RedisServers {
 public:
  static constexpr size_t kServers = 3;

  // Started, joined, with all slots given out. kUnreachable: there is no
  // redis-server on this host, with what to install.
  static Result<std::unique_ptr<RedisServers>> start();

  RedisNode node(size_t server) const;
  std::vector<RedisNode> nodes() const;
  std::string location(const std::string& prefix) const;

  size_t owner(uint16_t slot) const { return owners_[slot]; }
  // A slot on its way to another server, as `redis-cli --cluster reshard` does
  // it: from here on what is not there is asked for at the other.
  void begin_move(uint16_t slot, size_t to);
  // Moves its keys too, and the slot.
  void end_move(uint16_t slot, size_t to);

  void kill(size_t server);
  // Empty, with its slots.
  void revive(size_t server);

  // A command to one server; its reply, or error, as text.
  std::string say(size_t server, const std::vector<std::string>& words) const;

 private:
  void must_say(size_t server, const std::vector<std::string>& words) const;
  std::string epoch_of(size_t server) const;
  Status launch(size_t server);
  Status join();
  bool all_say(const std::string& word) const;
  bool wait_until_all_say(const std::string& word) const;

  TestFolder folder_;
  std::array<uint16_t, kServers> ports_{};
  std::array<uint16_t, kServers> bus_ports_{};
  std::vector<ChildProcess> processes_;
  std::array<std::string, kServers> ids_;
  std::array<size_t, kRedisSlots> owners_{};
};

}  // namespace causeway
