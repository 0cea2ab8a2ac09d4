#include "rdma/rdma_handshake.h"

#include <spdlog/spdlog.h>
#include <sys/random.h>

#include <array>
#include <cerrno>
#include <optional>
#include <utility>

#include "engine/path/tcp/tcp_connector.h"
#include "rdma/rdma_ports.h"
#include "rdma/wire/offer.h"

namespace causeway {
namespace {

Result<RdmaWorker> connect_worker(const RdmaPorts::Port& port,
                                  const RdmaSecret& secret, uint16_t worker,
                                  const RdmaOptions& options,
                                  const Deadline& deadline) {
  CAUSEWAY_ASSIGN(RdmaConnection made,
                  connect_endpoint(port.from, port.to, secret, worker,
                                   options.device_limits, deadline));
  // To read into it.
  const int access = options.staging_readable ? IBV_ACCESS_LOCAL_WRITE : 0;
  CAUSEWAY_ASSIGN(
      auto ring,
      StagingRing::open(*made.endpoint, made.welcome.staging_bytes, access));
  return RdmaWorker{std::move(made.endpoint), std::move(ring), made.welcome,
                    port.fabric};
}

Result<std::vector<RdmaWorker>> connect_workers(const RdmaOffer& offer,
                                                const RdmaOptions& options) {
  CAUSEWAY_ASSIGN(RdmaPorts ports, RdmaPorts::between(options, offer));
  std::vector<RdmaWorker> workers;
  for (uint16_t i = 0; i < options.streams; ++i) {
    CAUSEWAY_ASSIGN(
        RdmaWorker one,
        ports.connect(i, [&](const RdmaPorts::Port& port, Duration patience) {
          return connect_worker(port, offer.secret, i, options,
                                Deadline(patience));
        }));
    workers.push_back(std::move(one));
  }
  return workers;
}

Result<RdmaOffer> await_offer(TcpStream& control, const RdmaOptions& options) {
  std::array<std::byte, RdmaOffer::kBytes> bytes;
  const Deadline deadline(options.timeout);
  // Another version may be shorter.
  const auto head = std::span(bytes).first<RdmaOffer::kHeadBytes>();
  CAUSEWAY_TRY(receive_whole(control, head, deadline));
  CAUSEWAY_TRY(check_offer_head(head));
  CAUSEWAY_TRY(receive_whole(
      control, std::span(bytes).subspan<RdmaOffer::kHeadBytes>(), deadline));
  CAUSEWAY_ASSIGN(RdmaOffer offer, decode_offer(bytes));
  if (offer.workers == options.streams) return offer;
  return make_error(ErrorCode::kIncompatible,
                    "the target expects {} RDMA connections, this end opens {}",
                    offer.workers, options.streams);
}

// What it sends from here on waits until somebody takes it.
Result<RdmaWorker> admit(std::unique_ptr<RdmaEndpoint> endpoint,
                         const RdmaOptions& options) {
  RdmaWorker admitted;
  admitted.endpoint = std::move(endpoint);
  int access = IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_WRITE;
  if (options.staging_readable) access |= IBV_ACCESS_REMOTE_READ;
  CAUSEWAY_ASSIGN(
      admitted.ring,
      StagingRing::open(*admitted.endpoint, options.staging_bytes, access));
  const RdmaWelcome welcome{admitted.ring.address(), admitted.ring.remote_key(),
                            admitted.ring.bytes(),
                            admitted.endpoint->depths().messages,
                            options.pinned_bytes_a_worker()};
  CAUSEWAY_TRY(RdmaListener::accept(*admitted.endpoint, welcome,
                                    Deadline(kRdmaAcceptMax)));
  return admitted;
}

// Lets the workers in as they come, until the source has said its verdict. Who
// comes again has failed at its own end, perhaps after it was let in: the new
// connection takes the place. A device that fails one leaves it to the others.
Result<std::vector<RdmaWorker>> admit_all(RdmaListener& listener,
                                          const RdmaSecret& secret,
                                          const TcpStream& control,
                                          const RdmaOptions& options,
                                          const Deadline& deadline) {
  std::vector<RdmaWorker> workers(options.streams);
  std::optional<Error> trouble;
  for (;;) {
    auto come =
        listener.await_any(secret, 0, options.streams, options.device_limits,
                           control.fd(), deadline);
    if (!come && come.error().code == ErrorCode::kCancelled) break;
    if (!come && (come.error().code == ErrorCode::kTimeout ||
                  come.error().code == ErrorCode::kUnreachable)) {
      return std::move(come).error();
    }
    auto admitted = come ? admit(std::move(come->endpoint), options)
                         : Result<RdmaWorker>(come.error());
    if (admitted) {
      std::swap(workers[come->worker], *admitted);
    } else {
      spdlog::warn("{}", admitted.error().message);
      trouble = admitted.error();
    }
  }
  for (const RdmaWorker& worker : workers) {
    if (worker.endpoint != nullptr) continue;
    if (trouble) return *trouble;
    return make_error(ErrorCode::kUnreachable,
                      "the source cannot come by RDMA");
  }
  return workers;
}

// Offers, and says whether all has been agreed by the time of the verdict.
Result<std::vector<RdmaWorker>> offer_and_admit(Result<RdmaListener> listener,
                                                TcpStream& control,
                                                const RdmaOptions& options,
                                                const Deadline& deadline) {
  RdmaOffer offer;
  offer.workers = options.streams;
  offer.addresses.resize(options.device_addresses.size());
  if (listener) offer.addresses = listener->addresses();
  if (::getrandom(offer.secret.data(), offer.secret.size(), 0) !=
      static_cast<ssize_t>(offer.secret.size())) {
    return errno_error(errno, "getrandom");
  }
  CAUSEWAY_TRY(send_whole(control, encode_offer(offer), deadline));
  if (!listener) return std::move(listener).error();
  return admit_all(*listener, offer.secret, control, options, deadline);
}

Result<RdmaVerdict> await_verdict(TcpStream& control,
                                  const Deadline& deadline) {
  std::array<std::byte, kRdmaVerdictBytes> bytes;
  CAUSEWAY_TRY(receive_whole(control, bytes, deadline));
  return decode_verdict(bytes);
}

}  // namespace

Result<RdmaHandshake> shake_hands_with_target(std::string_view address,
                                              const PathToken& token,
                                              const RdmaOptions& options) {
  TcpConnectOptions tcp;
  tcp.streams = options.streams;
  tcp.timeout = options.timeout;
  tcp.tls = options.tls;
  RdmaHandshake agreed;
  CAUSEWAY_ASSIGN(agreed.streams,
                  TcpConnector::connect_streams(address, token, tcp));
  TcpStream& control = agreed.streams.front();
  CAUSEWAY_ASSIGN(const RdmaOffer offer, await_offer(control, options));
  auto workers = connect_workers(offer, options);
  if (!workers && options.required) return std::move(workers).error();
  const auto verdict = workers ? RdmaVerdict::kRdma : RdmaVerdict::kStreams;
  CAUSEWAY_TRY(
      send_whole(control, encode_verdict(verdict), Deadline(options.timeout)));
  if (workers) {
    agreed.workers = std::move(workers).value();
  } else {
    agreed.why_not = workers.error().message;
    spdlog::warn("goes by TCP: {}", agreed.why_not);
  }
  return agreed;
}

Result<RdmaHandshake> shake_hands_with_source(TcpListener& listener,
                                              Result<RdmaListener> device,
                                              const PathToken& token,
                                              const RdmaOptions& options) {
  RdmaHandshake agreed;
  CAUSEWAY_ASSIGN(agreed.streams,
                  listener.accept_streams(token, options.streams,
                                          options.timeout, options.tls));
  TcpStream& control = agreed.streams.front();
  const Deadline deadline(options.timeout);
  auto admitted =
      offer_and_admit(std::move(device), control, options, deadline);
  if (!admitted && options.required) return std::move(admitted).error();
  CAUSEWAY_ASSIGN(const RdmaVerdict verdict, await_verdict(control, deadline));
  if (verdict == RdmaVerdict::kRdma) {
    if (!admitted) return std::move(admitted).error();
    agreed.workers = std::move(admitted).value();
  } else {
    agreed.why_not =
        admitted ? "the source has no connection" : admitted.error().message;
    spdlog::warn("comes by TCP: {}", agreed.why_not);
  }
  return agreed;
}

}  // namespace causeway
