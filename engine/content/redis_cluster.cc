#include "engine/content/redis_cluster.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "engine/base/assert.h"
#include "engine/content/limits.h"

namespace causeway {
namespace {

using Type = RedisReply::Type;

// What a server says instead of doing it.
Error refusal(const RedisNode& node, const std::string& text) {
  const auto says = [&](std::string_view word) {
    return text.starts_with(word);
  };
  ErrorCode code = ErrorCode::kIo;
  if (says("CLUSTERDOWN") || says("LOADING") || says("MASTERDOWN") ||
      says("TRYAGAIN") || says("READONLY")) {
    code = ErrorCode::kUnreachable;
  } else if (says("OOM")) {
    code = ErrorCode::kNoSpace;
  } else if (says("NOAUTH") || says("NOPERM") || says("WRONGPASS")) {
    code = ErrorCode::kPermission;
  }
  constexpr size_t kTextMax = 200;
  return make_error(code, "The Redis server {} refuses: {}", node.text(),
                    text.substr(0, kTextMax));
}

Error unbelievable(const RedisNode& node, const char* what) {
  return make_error(ErrorCode::kPeerBroken,
                    "The Redis server {} answers what cannot be believed: {}.",
                    node.text(), what);
}

// Whether another try, perhaps elsewhere, may help.
bool is_passing(ErrorCode code) {
  return code == ErrorCode::kConnectionLost || code == ErrorCode::kUnreachable;
}

// For a caller there is one kind of "not there".
Error as_unreachable(const Error& error) {
  if (!is_passing(error.code) && error.code != ErrorCode::kTimeout) {
    return error;
  }
  return {ErrorCode::kUnreachable, error.message};
}

// A call tries a node twice: a connection may have been closed since it was
// last used, and a slot may have got another node.
constexpr int kFailuresMax = 2;

}  // namespace

struct RedisCluster::Call {
  std::span<const RedisCommand> commands;
  RedisDeadline deadline;
  std::vector<RedisReply> replies;
  std::vector<Work> pending;   // of this round, by command
  std::vector<Work> again;     // for the next
  std::optional<Error> lost;   // a node, in this round
  std::optional<Error> error;  // nothing helps
  int failures = 0;
};

Result<std::unique_ptr<RedisCluster>> RedisCluster::connect(
    std::vector<RedisNode> seeds) {
  CAUSEWAY_ASSERT(!seeds.empty() && seeds.size() <= kRedisNodesMax);
  CAUSEWAY_ASSIGN(const RedisDeadline deadline, RedisDeadline::start());
  std::unique_ptr<RedisCluster> cluster(new RedisCluster(std::move(seeds)));
  CAUSEWAY_TRY(cluster->learn_slots(deadline));
  return cluster;
}

Result<uint16_t> RedisCluster::member_of(const RedisNode& node) {
  const auto known = std::ranges::find(members_, node, &Member::node);
  if (known != members_.end()) {
    return static_cast<uint16_t>(known - members_.begin());
  }
  if (members_.size() >= kRedisNodesMax) {
    return make_error(ErrorCode::kPeerBroken,
                      "The Redis cluster names more than {} nodes.",
                      kRedisNodesMax);
  }
  members_.push_back({node, nullptr});
  return static_cast<uint16_t>(members_.size() - 1);
}

Result<RedisConnection*> RedisCluster::connection_to(
    uint16_t member, const RedisDeadline& deadline) {
  Member& it = members_[member];
  if (!it.connection) {
    CAUSEWAY_ASSIGN(it.connection, RedisConnection::connect(it.node, deadline));
  }
  return it.connection.get();
}

Result<RedisReply> RedisCluster::ask_one(uint16_t member,
                                         const std::string& wire,
                                         const RedisDeadline& deadline) {
  const auto ask = [&]() -> Result<RedisReply> {
    CAUSEWAY_ASSIGN(auto* connection, connection_to(member, deadline));
    CAUSEWAY_TRY(connection->send(wire, deadline));
    CAUSEWAY_ASSIGN(auto replies, connection->receive(1, deadline));
    return std::move(replies.front());
  };
  auto reply = ask();
  if (!reply) members_[member].connection.reset();
  return reply;
}

// Asks those who are known, the latest first.
Status RedisCluster::learn_slots(const RedisDeadline& deadline) {
  for (const RedisNode& seed : seeds_) CAUSEWAY_TRY(member_of(seed));
  Status status;
  for (size_t i = members_.size(); i-- > 0;) {
    status = learn_slots_from(static_cast<uint16_t>(i), deadline);
    if (status) return {};
  }
  return as_unreachable(status.error());
}

Status RedisCluster::learn_slots_from(uint16_t member,
                                      const RedisDeadline& deadline) {
  const RedisNode node = members_[member].node;
  CAUSEWAY_ASSIGN(
      const RedisReply reply,
      ask_one(member, redis_command({"CLUSTER", "SLOTS"}), deadline));
  if (reply.is(Type::kError) &&
      reply.text.find("cluster support disabled") != std::string::npos) {
    slots_.fill(member);
    return {};
  }
  if (reply.is(Type::kError)) return refusal(node, reply.text);
  if (!reply.is(Type::kArray)) return unbelievable(node, "no list of slots");
  slots_.fill(kNoNode);
  for (const RedisReply& range : reply.elements) {
    CAUSEWAY_TRY(take_slot_range(range, node));
  }
  return {};
}

// [first slot, last slot, [host, port, ...] of the master, replicas...]
Status RedisCluster::take_slot_range(const RedisReply& range,
                                     const RedisNode& asked) {
  const auto& parts = range.elements;
  if (parts.size() < 3 || !parts[0].is(Type::kInteger) ||
      !parts[1].is(Type::kInteger) || parts[2].elements.size() < 2) {
    return unbelievable(asked, "slots of no form");
  }
  const int64_t first = parts[0].integer;
  const int64_t last = parts[1].integer;
  const RedisReply& host = parts[2].elements[0];
  const int64_t port = parts[2].elements[1].integer;
  // Nil, "" and "?": it does not know how others call it.
  const bool same_host = host.text.empty() || host.text == "?";
  if (first < 0 || first > last || last >= int64_t{kRedisSlots} || port < 1 ||
      port > UINT16_MAX || !(same_host || is_redis_host(host.text))) {
    return unbelievable(asked, "slots or a node that cannot be");
  }
  CAUSEWAY_ASSIGN(const uint16_t member,
                  member_of({same_host ? asked.host : host.text,
                             static_cast<uint16_t>(port)}));
  std::fill(slots_.begin() + first, slots_.begin() + last + 1, member);
  return {};
}

Result<std::vector<RedisReply>> RedisCluster::run(
    std::span<const RedisCommand> commands) {
  CAUSEWAY_ASSIGN(RedisDeadline deadline, RedisDeadline::start());
  Call call{.commands = commands,
            .deadline = std::move(deadline),
            .replies = std::vector<RedisReply>(commands.size()),
            .pending = {},
            .again = {},
            .lost = {},
            .error = {}};
  for (size_t i = 0; i < commands.size(); ++i) {
    call.again.push_back({i, slots_[redis_slot(commands[i].key)]});
  }
  for (int rounds = 0; !call.again.empty(); ++rounds) {
    if (rounds == kRedisRoundsMax) {
      return make_error(ErrorCode::kUnreachable,
                        "The Redis cluster sent a command from node to node, "
                        "{} times.",
                        rounds);
    }
    CAUSEWAY_TRY(round(&call));
  }
  return std::move(call.replies);
}

// Sends what is pending, to each node at once, then takes their replies; every
// connection that is kept has no reply left.
Status RedisCluster::round(Call* call) {
  call->pending = std::exchange(call->again, {});
  std::ranges::sort(call->pending, {}, &Work::command);
  for (Work& work : call->pending) {
    // Nobody is said to have the slot: any node says more.
    if (work.member == kNoNode) work.member = 0;
  }
  std::vector<uint16_t> sent;
  for (const uint16_t member : members_of(call->pending)) {
    if (const Status status = send_to(member, call); status) {
      sent.push_back(member);
    } else {
      lose(member, status.error(), call);
    }
  }
  for (const uint16_t member : sent) {
    const Status status = receive_from(member, call);
    if (!status) lose(member, status.error(), call);
  }
  if (call->error) return *call->error;
  return call->lost ? look_again(call) : Status();
}

Status RedisCluster::send_to(uint16_t member, Call* call) {
  std::string wire;
  for (const Work& work : call->pending) {
    if (work.member != member) continue;
    if (work.ask) wire += redis_command({"ASKING"});
    wire += call->commands[work.command].wire;
  }
  CAUSEWAY_ASSIGN(auto* connection, connection_to(member, call->deadline));
  return connection->send(wire, call->deadline);
}

Status RedisCluster::receive_from(uint16_t member, Call* call) {
  size_t count = 0;
  for (const Work& work : call->pending) {
    if (work.member == member) count += work.ask ? 2 : 1;
  }
  CAUSEWAY_ASSIGN(auto replies,
                  members_[member].connection->receive(count, call->deadline));
  size_t at = 0;
  for (const Work& work : call->pending) {
    if (work.member != member) continue;
    if (work.ask) ++at;  // what it said to ASKING; the next reply tells
    take_reply(work, std::move(replies[at++]), call);
  }
  return {};
}

void RedisCluster::take_reply(const Work& work, RedisReply&& reply,
                              Call* call) {
  if (!reply.is(Type::kError)) {
    call->replies[work.command] = std::move(reply);
    return;
  }
  const auto redirect = parse_redis_redirect(reply.text);
  if (!redirect) {
    call->error = refusal(members_[work.member].node, reply.text);
  } else if (const Status status = follow(work, *redirect, call); !status) {
    call->error = status.error();
  }
}

Status RedisCluster::follow(const Work& work, const RedisRedirect& redirect,
                            Call* call) {
  const RedisNode from = members_[work.member].node;
  if (redirect.slot != redis_slot(call->commands[work.command].key)) {
    return unbelievable(from, "another slot than the key's");
  }
  RedisNode node = redirect.node;
  if (node.host.empty()) node.host = from.host;
  CAUSEWAY_ASSIGN(const uint16_t member, member_of(node));
  ++(redirect.ask ? asked_ : moved_);
  if (!redirect.ask) slots_[redirect.slot] = member;
  call->again.push_back({work.command, member, redirect.ask});
  return {};
}

void RedisCluster::lose(uint16_t member, const Error& error, Call* call) {
  members_[member].connection.reset();
  if (!is_passing(error.code)) {
    call->error = as_unreachable(error);
    return;
  }
  call->lost = error;
  for (const Work& work : call->pending) {
    if (work.member == member) call->again.push_back({work.command, member});
  }
}

// A node went away: others may know who has its slots now.
Status RedisCluster::look_again(Call* call) {
  const Error lost = as_unreachable(*std::exchange(call->lost, {}));
  if (++call->failures == kFailuresMax || !learn_slots(call->deadline)) {
    return lost;
  }
  for (Work& work : call->again) {
    if (work.ask) continue;
    work.member = slots_[redis_slot(call->commands[work.command].key)];
  }
  return {};
}

std::vector<uint16_t> RedisCluster::members_of(
    const std::vector<Work>& works) const {
  std::vector<uint16_t> members;
  for (const Work& work : works) {
    if (std::ranges::find(members, work.member) == members.end()) {
      members.push_back(work.member);
    }
  }
  return members;
}

std::vector<uint16_t> RedisCluster::members_with_slots() const {
  std::vector<bool> has(members_.size());
  for (const uint16_t member : slots_) {
    if (member != kNoNode) has[member] = true;
  }
  std::vector<uint16_t> members;
  for (size_t i = 0; i < has.size(); ++i) {
    if (has[i]) members.push_back(static_cast<uint16_t>(i));
  }
  return members;
}

Result<std::vector<RedisReply>> RedisCluster::run_on_all(
    const std::string& wire) {
  CAUSEWAY_ASSIGN(const RedisDeadline deadline, RedisDeadline::start());
  std::vector<RedisReply> replies;
  for (const uint16_t member : members_with_slots()) {
    auto reply = ask_one(member, wire, deadline);
    // The connection may be an old one, which the server has closed.
    if (!reply && is_passing(reply.error().code)) {
      reply = ask_one(member, wire, deadline);
    }
    if (!reply) return as_unreachable(reply.error());
    if (reply->is(Type::kError)) {
      return refusal(members_[member].node, reply->text);
    }
    replies.push_back(std::move(*reply));
  }
  return replies;
}

}  // namespace causeway
