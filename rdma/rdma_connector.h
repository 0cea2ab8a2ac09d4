// RdmaConnector: opens the source's end of an rdma path: the streams of a tcp
// path, for control and to stand by, and an RDMA connection for each worker.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/path/path.h"
#include "engine/path/stream/hello.h"
#include "rdma/rdma_options.h"
#include "rdma/rdma_tally.h"

namespace causeway {

// How a worker's connection goes.
struct RdmaRoute {
  std::string device;  // this end's, "mlx5_0"
  size_t fabric = 0;   // of options.device_addresses
};

struct RdmaPath {
  std::unique_ptr<OutboundPath> path;
  const RdmaTally* tally = nullptr;  // the path's; nullptr: it is a tcp path
  std::string why_not{};             // ... and this is why
  // By worker.
  std::vector<RdmaRoute> routes{};
};

class RdmaConnector {
 public:
  // `address`: where the target's streams are; its verbs devices it names
  // itself. As TcpConnector::connect(), and kUnreachable when no verbs device
  // here reaches that one. The path outlives its channels.
  static Result<RdmaPath> connect(std::string_view address,
                                  const PathToken& token,
                                  const RdmaOptions& options);
};

}  // namespace causeway
