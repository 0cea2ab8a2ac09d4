#include "tests/engine/content/redis_servers.h"

#include <arpa/inet.h>
#include <fmt/ranges.h>
#include <hiredis/hiredis.h>
#include <signal.h>
#include <sys/socket.h>

#include <chrono>
#include <set>
#include <sstream>
#include <thread>

namespace causeway {
namespace {

constexpr std::chrono::milliseconds kPatience{20000};
constexpr std::chrono::milliseconds kStep{2};

// Free ones, which others may take before we do: then starting fails.
std::vector<uint16_t> free_ports(size_t count) {
  std::vector<UniqueFd> held;
  std::vector<uint16_t> ports;
  while (ports.size() < count) {
    UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t bytes = sizeof(address);
    CAUSEWAY_ASSERT(
        ::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), bytes) == 0);
    CAUSEWAY_ASSERT(::getsockname(fd.get(),
                                  reinterpret_cast<sockaddr*>(&address),
                                  &bytes) == 0);
    ports.push_back(ntohs(address.sin_port));
    held.push_back(std::move(fd));
  }
  return ports;
}

std::string text_of(const redisReply* reply) {
  if (reply == nullptr) return "";
  if (reply->type == REDIS_REPLY_INTEGER) return std::to_string(reply->integer);
  if (reply->type == REDIS_REPLY_ARRAY) {
    std::string text;
    for (size_t i = 0; i < reply->elements; ++i) {
      text += text_of(reply->element[i]) + "\n";
    }
    return text;
  }
  return reply->str == nullptr
             ? ""
             : std::string(reply->str, static_cast<size_t>(reply->len));
}

template <typename Condition>
bool eventually(Condition condition) {
  const auto until = std::chrono::steady_clock::now() + kPatience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > until) return false;
    std::this_thread::sleep_for(kStep);
  }
  return true;
}

bool has_redis_server() {
  auto tried = ChildProcess::spawn({.argv = {"redis-server", "--version"}});
  return tried && tried->wait().ok();
}

}  // namespace

RedisNode RedisServers::node(size_t server) const {
  return {"127.0.0.1", ports_[server]};
}

std::vector<RedisNode> RedisServers::nodes() const {
  return {node(0), node(1), node(2)};
}

std::string RedisServers::location(const std::string& prefix) const {
  return fmt::format("redis://{},{}/{}", node(0).text(), node(1).text(),
                     prefix);
}

std::string RedisServers::say(size_t server,
                              const std::vector<std::string>& words) const {
  const timeval patience{2, 0};
  redisContext* context =
      redisConnectWithTimeout("127.0.0.1", ports_[server], patience);
  std::string text;
  if (context != nullptr && context->err == 0) {
    redisSetTimeout(context, patience);
    std::vector<const char*> arguments;
    std::vector<size_t> sizes;
    for (const std::string& word : words) {
      arguments.push_back(word.data());
      sizes.push_back(word.size());
    }
    void* reply = redisCommandArgv(context, static_cast<int>(arguments.size()),
                                   arguments.data(), sizes.data());
    text = text_of(static_cast<redisReply*>(reply));
    if (reply != nullptr) freeReplyObject(reply);
  }
  if (context != nullptr) redisFree(context);
  return text;
}

void RedisServers::must_say(size_t server,
                            const std::vector<std::string>& words) const {
  const std::string reply = say(server, words);
  if (reply == "OK") return;
  fmt::print(stderr, "redis-server {} says {} to {}\n", server, reply,
             fmt::join(words, " "));
  CAUSEWAY_ASSERT(reply == "OK");
}

Result<std::unique_ptr<RedisServers>> RedisServers::start() {
  if (!has_redis_server()) {
    return make_error(ErrorCode::kUnreachable,
                      "there is no redis-server on this host: install the "
                      "package redis-server");
  }
  auto servers = std::make_unique<RedisServers>();
  const auto ports = free_ports(2 * kServers);
  for (size_t i = 0; i < kServers; ++i) {
    servers->ports_[i] = ports[2 * i];
    servers->bus_ports_[i] = ports[2 * i + 1];
    std::filesystem::create_directory(servers->folder_.at(std::to_string(i)));
  }
  for (size_t i = 0; i < kServers; ++i) CAUSEWAY_TRY(servers->launch(i));
  CAUSEWAY_TRY(servers->join());
  return servers;
}

Status RedisServers::launch(size_t server) {
  SpawnOptions options;
  options.argv = {"setpriv", "--pdeathsig", "KILL", "redis-server"};
  const std::vector<std::string> settings{"--port",
                                          std::to_string(ports_[server]),
                                          "--bind",
                                          "127.0.0.1",
                                          "--cluster-enabled",
                                          "yes",
                                          "--cluster-port",
                                          std::to_string(bus_ports_[server]),
                                          "--cluster-node-timeout",
                                          "1000",
                                          "--save",
                                          "",
                                          "--appendonly",
                                          "no",
                                          "--dir",
                                          folder_.at(std::to_string(server))};
  options.argv.insert(options.argv.end(), settings.begin(), settings.end());
  CAUSEWAY_ASSIGN(auto process, ChildProcess::spawn(options));
  if (server < processes_.size()) {
    processes_[server] = std::move(process);
  } else {
    processes_.push_back(std::move(process));
  }
  if (eventually([&] { return say(server, {"PING"}) == "PONG"; })) return {};
  return make_error(ErrorCode::kTimeout, "redis-server {} does not start",
                    server);
}

Status RedisServers::join() {
  for (size_t i = 0; i < kServers; ++i) {
    const size_t first = kRedisSlots * i / kServers;
    const size_t end = kRedisSlots * (i + 1) / kServers;
    say(i, {"CLUSTER", "ADDSLOTSRANGE", std::to_string(first),
            std::to_string(end - 1)});
    std::fill(owners_.begin() + static_cast<ptrdiff_t>(first),
              owners_.begin() + static_cast<ptrdiff_t>(end), i);
    ids_[i] = say(i, {"CLUSTER", "MYID"});
    // Epochs of their own, or slots that move would be argued about.
    say(i, {"CLUSTER", "SET-CONFIG-EPOCH", std::to_string(i + 1)});
  }
  for (size_t i = 1; i < kServers; ++i) {
    say(i, {"CLUSTER", "MEET", "127.0.0.1", std::to_string(ports_[0]),
            std::to_string(bus_ports_[0])});
  }
  if (wait_until_all_say("cluster_state:ok") &&
      wait_until_all_say("cluster_known_nodes:3") &&
      wait_until_all_say("cluster_slots_ok:16384")) {
    return {};
  }
  return make_error(ErrorCode::kTimeout, "the redis-servers do not join: {}",
                    say(0, {"CLUSTER", "INFO"}));
}

bool RedisServers::all_say(const std::string& word) const {
  for (size_t i = 0; i < kServers; ++i) {
    if (say(i, {"CLUSTER", "INFO"}).find(word) == std::string::npos) {
      return false;
    }
  }
  return true;
}

bool RedisServers::wait_until_all_say(const std::string& word) const {
  return eventually([&] { return all_say(word); });
}

void RedisServers::begin_move(uint16_t slot, size_t to) {
  const size_t from = owners_[slot];
  CAUSEWAY_ASSERT(from != to);
  const std::string number = std::to_string(slot);
  must_say(to, {"CLUSTER", "SETSLOT", number, "IMPORTING", ids_[from]});
  must_say(from, {"CLUSTER", "SETSLOT", number, "MIGRATING", ids_[to]});
}

void RedisServers::end_move(uint16_t slot, size_t to) {
  const size_t from = owners_[slot];
  const std::string number = std::to_string(slot);
  for (;;) {
    const std::string keys =
        say(from, {"CLUSTER", "GETKEYSINSLOT", number, "1"});
    if (keys.empty()) break;
    const std::string key = keys.substr(0, keys.size() - 1);
    const std::string done = say(
        from,
        {"MIGRATE", "127.0.0.1", std::to_string(ports_[to]), key, "0", "2000"});
    CAUSEWAY_ASSERT(done == "OK" || done == "NOKEY");
  }
  // First who gets it: it must never belong to nobody.
  for (const size_t server : {to, from, kServers - to - from}) {
    must_say(server, {"CLUSTER", "SETSLOT", number, "NODE", ids_[to]});
  }
  owners_[slot] = to;
  // Who does not know the newest epoch yet would take the next slot with an
  // older one, and the servers would argue whose it is.
  const bool agree = eventually([&] {
    const std::string epoch = epoch_of(0);
    return epoch == epoch_of(1) && epoch == epoch_of(2) && !epoch.empty();
  });
  CAUSEWAY_ASSERT(agree);
}

// The epoch that it knows of, and those of all nodes as it knows them.
std::string RedisServers::epoch_of(size_t server) const {
  const std::string info = say(server, {"CLUSTER", "INFO"});
  const size_t at = info.find("cluster_current_epoch:");
  std::string text = info.substr(at, info.find('\r', at) - at);
  std::istringstream nodes(say(server, {"CLUSTER", "NODES"}));
  std::set<std::string> known;
  for (std::string line; std::getline(nodes, line);) {
    std::istringstream words(line);
    std::string id, address, flags, master, ping, pong, epoch;
    words >> id >> address >> flags >> master >> ping >> pong >> epoch;
    known.insert(id + " " + epoch);
  }
  for (const std::string& node : known) text += "\n" + node;
  return text;
}

void RedisServers::kill(size_t server) {
  processes_[server].kill(SIGKILL);
  processes_[server].wait();
}

void RedisServers::revive(size_t server) {
  CAUSEWAY_ASSERT(launch(server));
  CAUSEWAY_ASSERT(wait_until_all_say("cluster_state:ok"));
}

}  // namespace causeway
