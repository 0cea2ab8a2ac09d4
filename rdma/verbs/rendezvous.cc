#include "rdma/verbs/rendezvous.h"

#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>
#include <utility>

#include "engine/base/bytes.h"

namespace causeway {
namespace {

constexpr int kResolveMs = 5000;  // of the kernel's own, within the deadline

// The first bytes of a request: another protocol is told apart.
constexpr uint32_t kRequestMagic = 0x52'41'57'43;  // "CWAR"
constexpr uint16_t kRequestVersion = 1;
constexpr size_t kWorkerAt = 4 + 2;
constexpr size_t kRequestBytes = kWorkerAt + 2 + sizeof(RdmaSecret);
using RequestBytes = std::array<std::byte, kRequestBytes>;
static_assert(kRequestBytes <= 56, "rdma_cm's private data of a request");

RequestBytes encode_request(const RdmaSecret& secret, uint16_t worker) {
  ByteWriter out;
  out.put(kRequestMagic);
  out.put(kRequestVersion);
  out.put(worker);
  const auto head = out.take();
  RequestBytes bytes;
  std::copy(head.begin(), head.end(), bytes.begin());
  std::copy(secret.begin(), secret.end(), bytes.begin() + head.size());
  return bytes;
}

// Who asks, if it knows the secret: compared in time that does not depend on
// where they differ. RoCE pads: more bytes than were sent may come.
std::optional<uint16_t> worker_of(const rdma_conn_param& request,
                                  const RdmaSecret& secret) {
  const RequestBytes known = encode_request(secret, 0);
  if (request.private_data == nullptr ||
      request.private_data_len < known.size()) {
    return std::nullopt;
  }
  const std::span said(static_cast<const std::byte*>(request.private_data),
                       known.size());
  std::byte differ{0};
  for (size_t i = 0; i < known.size(); ++i) {
    const bool is_worker = i >= kWorkerAt && i < kWorkerAt + sizeof(uint16_t);
    if (!is_worker) differ |= known[i] ^ said[i];
  }
  if (differ != std::byte{0}) return std::nullopt;
  ByteReader in(said.subspan(kWorkerAt));
  return in.get<uint16_t>();
}

Result<EventChannel> open_events() {
  EventChannel events(rdma_create_event_channel());
  if (!events) {
    return errno_error(errno,
                       "rdma_create_event_channel (is rdma_ucm loaded, "
                       "and /dev/infiniband readable?)");
  }
  // rdma_get_cm_event() waits for the next event by itself where it cannot set
  // a request up.
  CAUSEWAY_TRY(set_nonblocking(events->fd));
  return events;
}

Result<ConnectionId> open_id(const EventChannel& events) {
  rdma_cm_id* id = nullptr;
  if (rdma_create_id(events.get(), &id, nullptr, RDMA_PS_TCP) != 0) {
    return errno_error(errno, "rdma_create_id");
  }
  return ConnectionId(id);
}

// A copy, since to acknowledge the event takes what it points to.
struct Event {
  rdma_cm_event_type type = RDMA_CM_EVENT_ADDR_ERROR;
  int status = 0;
  rdma_cm_id* id = nullptr;
  std::vector<std::byte> said;
  std::optional<uint16_t> worker{};  // of a request by who knows the secret
  uint8_t reads = 0;  // of a request: what the peer can start and answer
};

Result<Event> next_event(rdma_event_channel* events, const Deadline& deadline,
                         const RdmaSecret* secret = nullptr) {
  for (;;) {
    if (!wait_ready(events->fd, POLLIN, deadline)) {
      return make_error(ErrorCode::kTimeout,
                        "the RDMA connection was not made in time");
    }
    rdma_cm_event* event = nullptr;
    if (rdma_get_cm_event(events, &event) != 0) {
      if (errno == EAGAIN || errno == EINTR) continue;
      return errno_error(errno, "rdma_get_cm_event");
    }
    Event copy{event->event, event->status, event->id, {}, {}, 0};
    const rdma_conn_param& param = event->param.conn;
    copy.reads = std::min(param.initiator_depth, param.responder_resources);
    if (param.private_data != nullptr) {
      const auto* said = static_cast<const std::byte*>(param.private_data);
      copy.said.assign(said, said + param.private_data_len);
    }
    if (secret != nullptr) copy.worker = worker_of(param, *secret);
    rdma_ack_cm_event(event);
    return copy;
  }
}

Status await_request(int events_fd, int called_off_fd,
                     const Deadline& deadline) {
  std::array<pollfd, 3> waiting{{{events_fd, POLLIN, 0},
                                 {called_off_fd, POLLIN, 0},
                                 {deadline.fd(), POLLIN, 0}}};
  while (::poll(waiting.data(), waiting.size(), -1) < 0) {
    CAUSEWAY_ASSERT(errno == EINTR);
  }
  // Before the requests, of which strangers may send many.
  if (waiting[1].revents != 0) {
    return make_error(ErrorCode::kCancelled, "the source cannot come by RDMA");
  }
  if (waiting[2].revents != 0) {
    return make_error(ErrorCode::kTimeout,
                      "the source did not come by RDMA in time");
  }
  return {};
}

Result<Event> expect_event(rdma_event_channel* events, rdma_cm_event_type want,
                           const SocketAddress& to, const Deadline& deadline) {
  CAUSEWAY_ASSIGN(Event event, next_event(events, deadline));
  if (event.type == want) return event;
  if (event.type == RDMA_CM_EVENT_REJECTED) {
    return make_error(ErrorCode::kPermission,
                      "{} refused the RDMA connection: it does not know this "
                      "migration, or nothing listens there",
                      to.text());
  }
  return make_error(ErrorCode::kUnreachable,
                    "no RDMA connection to {}: {} ({})", to.text(),
                    rdma_event_str(event.type), event.status);
}

rdma_conn_param connection_parameters(const RdmaEndpoint& endpoint) {
  rdma_conn_param param{};
  param.initiator_depth = param.responder_resources = endpoint.reads_max();
  param.retry_count = kRdmaRetries;
  // A receive that is not there yet comes: no limit of its own.
  param.rnr_retry_count = 7;
  return param;
}

// The default of rdma_cm waits for half a minute before it gives up.
void set_ack_timeout(rdma_cm_id* id) {
  uint8_t exponent = kRdmaTimeoutExponent;
  // Best effort: InfiniBand takes it from the path instead.
  [[maybe_unused]] const int rc =
      rdma_set_option(id, RDMA_OPTION_ID, RDMA_OPTION_ID_ACK_TIMEOUT, &exponent,
                      sizeof exponent);
}

Status resolve(rdma_cm_id* id, rdma_event_channel* events,
               const SocketAddress& from, const SocketAddress& to,
               const Deadline& deadline) {
  auto* source = const_cast<sockaddr*>(from.get());
  auto* target = const_cast<sockaddr*>(to.get());
  if (rdma_resolve_addr(id, source, target, kResolveMs) != 0) {
    return make_error(ErrorCode::kUnreachable,
                      "no verbs device has {}, or none reaches {}: {}",
                      from.text(), to.text(), std::strerror(errno));
  }
  CAUSEWAY_TRY(expect_event(events, RDMA_CM_EVENT_ADDR_RESOLVED, to, deadline));
  set_ack_timeout(id);
  if (rdma_resolve_route(id, kResolveMs) != 0) {
    return errno_error(errno, "rdma_resolve_route");
  }
  CAUSEWAY_TRY(
      expect_event(events, RDMA_CM_EVENT_ROUTE_RESOLVED, to, deadline));
  return {};
}

}  // namespace

Result<PlainConnection> connect_plain(const SocketAddress& from,
                                      const SocketAddress& to,
                                      const RdmaSecret& secret, uint16_t worker,
                                      const DeviceLimits& limits,
                                      const Deadline& deadline) {
  CAUSEWAY_ASSIGN(EventChannel events, open_events());
  CAUSEWAY_ASSIGN(ConnectionId id, open_id(events));
  CAUSEWAY_TRY(resolve(id.get(), events.get(), from, to, deadline));
  CAUSEWAY_ASSIGN(auto endpoint,
                  RdmaEndpoint::make(std::move(id), std::move(events), limits));
  endpoint->set_peer(to.text());
  const auto request = encode_request(secret, worker);
  rdma_conn_param param = connection_parameters(*endpoint);
  param.private_data = request.data();
  param.private_data_len = static_cast<uint8_t>(request.size());
  if (rdma_connect(endpoint->id(), &param) != 0) {
    return errno_error(errno, "rdma_connect");
  }
  CAUSEWAY_ASSIGN(Event event,
                  expect_event(endpoint->events(), RDMA_CM_EVENT_ESTABLISHED,
                               to, deadline));
  return PlainConnection{std::move(endpoint), std::move(event.said)};
}

Result<RdmaConnection> connect_endpoint(const SocketAddress& from,
                                        const SocketAddress& to,
                                        const RdmaSecret& secret,
                                        uint16_t worker,
                                        const DeviceLimits& limits,
                                        const Deadline& deadline) {
  CAUSEWAY_ASSIGN(auto made,
                  connect_plain(from, to, secret, worker, limits, deadline));
  CAUSEWAY_ASSIGN(const RdmaWelcome welcome, decode_rdma_welcome(made.said));
  return RdmaConnection{std::move(made.endpoint), welcome};
}

namespace {

Result<ConnectionId> listen_at(const EventChannel& events,
                               const std::string& address) {
  CAUSEWAY_ASSIGN(const auto candidates, resolve_address(address, true));
  CAUSEWAY_ASSIGN(ConnectionId id, open_id(events));
  auto* at = const_cast<sockaddr*>(candidates.front().get());
  if (rdma_bind_addr(id.get(), at) != 0 || id->verbs == nullptr) {
    return make_error(ErrorCode::kNotFound,
                      "no verbs device has the address {} (`causeway topology` "
                      "lists those that this host has)",
                      candidates.front().text());
  }
  if (rdma_listen(id.get(), static_cast<int>(kStreamsMax)) != 0) {
    return errno_error(errno, "rdma_listen");
  }
  return id;
}

std::string text_of(rdma_cm_id* id) {
  SocketAddress at;
  const sockaddr* local = rdma_get_local_addr(id);
  at.bytes =
      local->sa_family == AF_INET6 ? sizeof(sockaddr_in6) : sizeof(sockaddr_in);
  std::memcpy(&at.storage, local, at.bytes);
  return at.text();
}

}  // namespace

Result<RdmaListener> RdmaListener::listen(
    const std::vector<std::string>& addresses) {
  CAUSEWAY_ASSERT(!addresses.empty());
  CAUSEWAY_ASSIGN(EventChannel events, open_events());
  RdmaListener listener(std::move(events));
  std::optional<Error> missing;
  bool any = false;
  for (const std::string& address : addresses) {
    auto id = listen_at(listener.events_, address);
    any |= id.has_value();
    if (!id && !missing) missing = id.error();
    listener.ids_.push_back(id ? std::move(id).value() : nullptr);
  }
  if (!any) return *missing;
  return listener;
}

std::vector<std::string> RdmaListener::addresses() const {
  std::vector<std::string> all;
  for (const ConnectionId& id : ids_) {
    all.push_back(id ? text_of(id.get()) : std::string());
  }
  return all;
}

Status RdmaListener::forget(rdma_cm_id* gone) {
  const std::string address = text_of(gone);
  bool any = false;
  for (ConnectionId& id : ids_) {
    if (id.get() == gone) id.reset();
    any |= id != nullptr;
  }
  if (any) return {};
  return make_error(ErrorCode::kUnreachable,
                    "the verbs device of {} has been taken away", address);
}

Result<RdmaListener::Arrival> RdmaListener::await_any(
    const RdmaSecret& secret, uint16_t first, uint16_t workers,
    const DeviceLimits& limits, int called_off_fd, const Deadline& deadline) {
  for (;;) {
    CAUSEWAY_TRY(await_request(events_->fd, called_off_fd, deadline));
    CAUSEWAY_ASSIGN(const Event event,
                    next_event(events_.get(), deadline, &secret));
    if (event.type == RDMA_CM_EVENT_DEVICE_REMOVAL) {
      CAUSEWAY_TRY(forget(event.id));
      continue;
    }
    if (event.type != RDMA_CM_EVENT_CONNECT_REQUEST) continue;
    ConnectionId id(event.id);
    if (!event.worker || *event.worker < first ||
        *event.worker - first >= workers) {
      rdma_reject(id.get(), nullptr, 0);
      continue;
    }
    CAUSEWAY_ASSIGN(EventChannel own, open_events());
    if (rdma_migrate_id(id.get(), own.get()) != 0) {
      return errno_error(errno, "rdma_migrate_id");
    }
    CAUSEWAY_ASSIGN(auto endpoint,
                    RdmaEndpoint::make(std::move(id), std::move(own), limits));
    endpoint->limit_reads(event.reads);
    return Arrival{*event.worker, std::move(endpoint)};
  }
}

Result<std::unique_ptr<RdmaEndpoint>> RdmaListener::await(
    const RdmaSecret& secret, uint16_t worker, const DeviceLimits& limits,
    int called_off_fd, const Deadline& deadline) {
  CAUSEWAY_ASSIGN(Arrival come, await_any(secret, worker, 1, limits,
                                          called_off_fd, deadline));
  return std::move(come.endpoint);
}

Status RdmaListener::accept(RdmaEndpoint& endpoint,
                            std::span<const std::byte> said,
                            const Deadline& deadline) {
  rdma_conn_param param = connection_parameters(endpoint);
  param.private_data = said.data();
  param.private_data_len = static_cast<uint8_t>(said.size());
  set_ack_timeout(endpoint.id());
  if (rdma_accept(endpoint.id(), &param) != 0) {
    return errno_error(errno, "rdma_accept");
  }
  CAUSEWAY_ASSIGN(const Event event, next_event(endpoint.events(), deadline));
  if (event.type == RDMA_CM_EVENT_ESTABLISHED) {
    endpoint.shorten_not_ready();
    return {};
  }
  return make_error(ErrorCode::kConnectionLost,
                    "the source's RDMA connection was not made: {}",
                    rdma_event_str(event.type));
}

}  // namespace causeway
