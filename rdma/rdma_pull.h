// How the two ends of a connection for pulls find each other: beside a path, on
// the same devices, when somebody wants it. The offer goes from target to
// source over a channel that is authenticated and encrypted, the path's
// control:
//
//   target                                    source
//   RdmaPullListener::listen()
//     offer() ==============================> (its bytes: rdma/wire/offer.h)
//   accept(landing)            <------------  connect_exposure(offer)
//     RdmaPuller                                RdmaExposure
//
// Nobody has a pull but who can read by hardware: no seam of the engine.
#pragma once

#include <cstddef>
#include <memory>
#include <span>

#include "engine/base/result.h"
#include "rdma/pull/rdma_exposure.h"
#include "rdma/pull/rdma_puller.h"
#include "rdma/rdma_options.h"
#include "rdma/verbs/rendezvous.h"
#include "rdma/wire/offer.h"

namespace causeway {

// Of the options: device_addresses, timeout, device_limits; of the source also
// stores, and pinned_bytes_max, all of which is for this connection.
class RdmaPullListener {
 public:
  // kNotFound: no verbs device has any of the addresses.
  static Result<RdmaPullListener> listen(const RdmaOptions& options);

  // Its secret lets one source in.
  const RdmaOffer& offer() const { return offer_; }

  // Waits for the source. `landing`: as RdmaPuller::open(). kTimeout.
  Result<std::unique_ptr<RdmaPuller>> accept(std::span<std::byte> landing);

 private:
  RdmaPullListener(RdmaListener listener, RdmaOptions options)
      : listener_(std::move(listener)), options_(std::move(options)) {}

  RdmaListener listener_;
  const RdmaOptions options_;
  RdmaOffer offer_;
};

// As RdmaConnector::connect().
Result<std::unique_ptr<RdmaExposure>> connect_exposure(
    const RdmaOffer& offer, const RdmaOptions& options);

}  // namespace causeway
