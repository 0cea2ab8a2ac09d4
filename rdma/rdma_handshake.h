// How the two ends of an rdma path agree: on the streams of a tcp path, whose
// control stream says where the target's verbs devices are and by which secret
// it knows the source there; then a connection for each worker.
//
//   source                                   target
//     streams, the token       ------->
//                              <-------      offer: addresses, secret
//     a request a worker       =======>
//                              <=======      welcome: its ring, its limits
//     verdict: RDMA, streams   ------->
//
// All that RDMA cannot do without is there before the verdict: rings that may
// not be pinned are a reason to take the streams.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/path/stream/hello.h"
#include "engine/path/tcp/tcp_listener.h"
#include "rdma/bulk/staging_ring.h"
#include "rdma/rdma_options.h"
#include "rdma/verbs/rendezvous.h"

namespace causeway {

// One end of a worker's RDMA connection.
struct RdmaWorker {
  std::unique_ptr<RdmaEndpoint> endpoint;
  StagingRing ring;     // this end's
  RdmaWelcome welcome;  // of a source: what the target said
  size_t fabric = 0;    // of a source: of options.device_addresses
};

struct RdmaHandshake {
  std::vector<TcpStream> streams;   // control, then one a worker
  std::vector<RdmaWorker> workers;  // none: the streams alone
  std::string why_not{};            // ... and this is why
};

// The source's end; errors as RdmaConnector::connect().
Result<RdmaHandshake> shake_hands_with_target(std::string_view address,
                                              const PathToken& token,
                                              const RdmaOptions& options);

// The target's. `device`: an error where it has none.
Result<RdmaHandshake> shake_hands_with_source(TcpListener& listener,
                                              Result<RdmaListener> device,
                                              const PathToken& token,
                                              const RdmaOptions& options);

}  // namespace causeway
