#include "rdma/rdma_pull.h"

#include <sys/random.h>

#include <cerrno>
#include <utility>

#include "rdma/rdma_ports.h"

namespace causeway {
namespace {

// No worker of a path's.
constexpr uint16_t kPullWorker = kStreamsMax;

constexpr int kNobodyCallsItOff = -1;

}  // namespace

Result<RdmaPullListener> RdmaPullListener::listen(const RdmaOptions& options) {
  CAUSEWAY_ASSIGN(RdmaListener on,
                  RdmaListener::listen(options.device_addresses));
  RdmaPullListener listener(std::move(on), options);
  listener.offer_.workers = 1;
  listener.offer_.addresses = listener.listener_.addresses();
  auto& secret = listener.offer_.secret;
  if (::getrandom(secret.data(), secret.size(), 0) !=
      static_cast<ssize_t>(secret.size())) {
    return errno_error(errno, "getrandom");
  }
  return listener;
}

Result<std::unique_ptr<RdmaPuller>> RdmaPullListener::accept(
    std::span<std::byte> landing) {
  const Deadline deadline(options_.timeout);
  CAUSEWAY_ASSIGN(auto endpoint, listener_.await(offer_.secret, kPullWorker,
                                                 options_.device_limits,
                                                 kNobodyCallsItOff, deadline));
  CAUSEWAY_TRY(
      RdmaListener::accept(*endpoint, std::span<const std::byte>(), deadline));
  return RdmaPuller::open(std::move(endpoint), landing);
}

Result<std::unique_ptr<RdmaExposure>> connect_exposure(
    const RdmaOffer& offer, const RdmaOptions& options) {
  CAUSEWAY_ASSIGN(RdmaPorts ports, RdmaPorts::between(options, offer));
  CAUSEWAY_ASSIGN(auto made, ports.connect(0, [&](const RdmaPorts::Port& port,
                                                  Duration patience) {
    return connect_plain(port.from, port.to, offer.secret, kPullWorker,
                         options.device_limits, Deadline(patience));
  }));
  return std::make_unique<RdmaExposure>(
      std::move(made.endpoint), options.stores, options.pinned_bytes_max);
}

}  // namespace causeway
