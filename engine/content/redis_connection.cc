#include "engine/content/redis_connection.h"

#include <hiredis/hiredis.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "engine/content/limits.h"

namespace causeway {
namespace {

using Type = RedisReply::Type;

constexpr size_t kReadBytes = 64u << 10;

struct FreeContext {
  void operator()(redisContext* it) const { redisFree(it); }
};
struct FreeReply {
  void operator()(redisReply* it) const { freeReplyObject(it); }
};

// hiredis makes room for as many elements as a server claims: its own function
// (the reader's private data) gets no more than the limit. The type of the
// count differs between its versions.
template <typename Count>
void* create_array(const redisReadTask* task, Count elements) {
  if (static_cast<size_t>(elements) > kRedisElementsMax) return nullptr;
  const auto* own =
      static_cast<const redisReplyObjectFunctions*>(task->privdata);
  return own->createArray(task, elements);
}

void append_argument(std::string* out, std::string_view argument) {
  out->append("$" + std::to_string(argument.size()) + "\r\n");
  out->append(argument);
  out->append("\r\n");
}

template <typename Arguments>
std::string command_of(const Arguments& arguments) {
  std::string out = fmt::format("*{}\r\n", arguments.size());
  for (const std::string_view argument : arguments) {
    append_argument(&out, argument);
  }
  return out;
}

RedisReply convert(const redisReply& from) {
  RedisReply reply;
  switch (from.type) {
    case REDIS_REPLY_INTEGER:
      reply.type = Type::kInteger;
      reply.integer = from.integer;
      break;
    case REDIS_REPLY_STRING:
    case REDIS_REPLY_STATUS:
    case REDIS_REPLY_ERROR:
      reply.type = from.type == REDIS_REPLY_ERROR ? Type::kError : Type::kText;
      reply.text.assign(from.str, static_cast<size_t>(from.len));
      break;
    case REDIS_REPLY_ARRAY:
      reply.type = Type::kArray;
      for (size_t i = 0; i < from.elements; ++i) {
        reply.elements.push_back(convert(*from.element[i]));
      }
      break;
    default:
      break;
  }
  return reply;
}

}  // namespace

std::string redis_command(std::initializer_list<std::string_view> arguments) {
  return command_of(arguments);
}

std::string redis_command(const std::vector<std::string_view>& arguments) {
  return command_of(arguments);
}

Result<RedisDeadline> RedisDeadline::start() {
  UniqueFd fd(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
  itimerspec when{};
  when.it_value.tv_sec = kRedisCallMsMax / 1000;
  when.it_value.tv_nsec = kRedisCallMsMax % 1000 * 1'000'000L;
  if (!fd || ::timerfd_settime(fd.get(), 0, &when, nullptr) != 0) {
    return errno_error(errno, "Making a timer for Redis");
  }
  return RedisDeadline(std::move(fd));
}

struct RedisConnection::Impl {
  // Waits for `events` of the socket.
  Status wait(short events, const RedisDeadline& deadline, int timeout_ms);
  Status finish_connect(const RedisDeadline& deadline);
  // What the server has sent, to the reader.
  Status fill(const RedisDeadline& deadline);
  Error broken(std::string_view how) const;
  Error lost(int errno_value) const;

  RedisNode node;
  std::unique_ptr<redisContext, FreeContext> context;
  redisReplyObjectFunctions own{};        // hiredis's
  redisReplyObjectFunctions functions{};  // those, but for arrays
  size_t bytes_left = 0;                  // that this exchange may still bring
};

Error RedisConnection::Impl::broken(std::string_view how) const {
  return make_error(ErrorCode::kPeerBroken,
                    "The Redis server {} answers what cannot be believed: {}.",
                    node.text(), how);
}

Error RedisConnection::Impl::lost(int errno_value) const {
  return make_error(
      ErrorCode::kConnectionLost,
      "The connection to the Redis server {} broke: {}", node.text(),
      errno_value == 0 ? "it closed it" : std::strerror(errno_value));
}

Status RedisConnection::Impl::wait(short events, const RedisDeadline& deadline,
                                   int timeout_ms) {
  pollfd fds[2] = {{context->fd, events, 0}, {deadline.fd(), POLLIN, 0}};
  for (;;) {
    const int ready = ::poll(fds, 2, timeout_ms);
    if (ready < 0 && errno == EINTR) continue;
    if (ready < 0) return errno_error(errno, "Waiting for Redis");
    if (fds[1].revents == 0 && ready > 0) return {};
    return make_error(ErrorCode::kTimeout,
                      "The Redis server {} did not answer in time.",
                      node.text());
  }
}

Status RedisConnection::Impl::finish_connect(const RedisDeadline& deadline) {
  CAUSEWAY_TRY(wait(POLLOUT, deadline, kRedisConnectMsMax));
  int error = 0;
  socklen_t bytes = sizeof(error);
  ::getsockopt(context->fd, SOL_SOCKET, SO_ERROR, &error, &bytes);
  if (error == 0) return {};
  return make_error(ErrorCode::kUnreachable,
                    "No connection to the Redis server {}: {}", node.text(),
                    std::strerror(error));
}

Status RedisConnection::Impl::fill(const RedisDeadline& deadline) {
  CAUSEWAY_TRY(wait(POLLIN, deadline, -1));
  std::array<char, kReadBytes> bytes;
  const ssize_t got =
      ::recv(context->fd, bytes.data(), bytes.size(), MSG_DONTWAIT);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return {};
  if (got <= 0) return lost(got == 0 ? 0 : errno);
  const auto count = static_cast<size_t>(got);
  if (count > bytes_left) return broken("more bytes than any answer has");
  bytes_left -= count;
  if (redisReaderFeed(context->reader, bytes.data(), count) != REDIS_OK) {
    return broken(context->reader->errstr);
  }
  return {};
}

RedisConnection::RedisConnection(std::unique_ptr<Impl> impl)
    : impl_(std::move(impl)) {}
RedisConnection::~RedisConnection() = default;

Result<std::unique_ptr<RedisConnection>> RedisConnection::connect(
    const RedisNode& node, const RedisDeadline& deadline) {
  auto impl = std::make_unique<Impl>();
  impl->node = node;
  impl->context.reset(redisConnectNonBlock(node.host.c_str(), node.port));
  if (!impl->context || impl->context->err != 0) {
    return make_error(ErrorCode::kUnreachable,
                      "No connection to the Redis server {}: {}", node.text(),
                      impl->context ? impl->context->errstr : "no memory");
  }
  CAUSEWAY_TRY(impl->finish_connect(deadline));
  redisReader* reader = impl->context->reader;
  impl->own = *reader->fn;
  impl->functions = impl->own;
  impl->functions.createArray = &create_array;
  reader->fn = &impl->functions;
  reader->privdata = &impl->own;
  return std::unique_ptr<RedisConnection>(new RedisConnection(std::move(impl)));
}

Status RedisConnection::send(const std::string& commands,
                             const RedisDeadline& deadline) {
  for (size_t done = 0; done < commands.size();) {
    const ssize_t sent =
        ::send(impl_->context->fd, commands.data() + done,
               commands.size() - done, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent >= 0) {
      done += static_cast<size_t>(sent);
    } else if (errno == EAGAIN) {
      CAUSEWAY_TRY(impl_->wait(POLLOUT, deadline, -1));
    } else if (errno != EINTR) {
      return impl_->lost(errno);
    }
  }
  return {};
}

Result<std::vector<RedisReply>> RedisConnection::receive(
    size_t count, const RedisDeadline& deadline) {
  impl_->bytes_left = kRedisReplyBytesMax;
  std::vector<RedisReply> replies;
  while (replies.size() < count) {
    void* object = nullptr;
    if (redisReaderGetReply(impl_->context->reader, &object) != REDIS_OK) {
      return impl_->broken(impl_->context->reader->errstr);
    }
    if (object == nullptr) {
      CAUSEWAY_TRY(impl_->fill(deadline));
      continue;
    }
    const std::unique_ptr<redisReply, FreeReply> reply(
        static_cast<redisReply*>(object));
    replies.push_back(convert(*reply));
  }
  return replies;
}

}  // namespace causeway
