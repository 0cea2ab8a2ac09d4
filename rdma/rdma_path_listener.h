// RdmaPathListener: the target's end of an rdma path.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "engine/path/path.h"
#include "engine/path/stream/hello.h"
#include "engine/path/tcp/tcp_listener.h"
#include "rdma/rdma_options.h"

namespace causeway {

class RdmaPathListener {
 public:
  // `address`: for the streams, as TcpListener::listen().
  static Result<RdmaPathListener> listen(std::string_view address);

  std::string address() const { return streams_.address(); }

  // Waits for the source's streams, as TcpListener::accept(), and for its RDMA
  // connections. kNotFound: no verbs device has options.device_address. The
  // path outlives its receivers.
  Result<std::unique_ptr<InboundPath>> accept(const PathToken& token,
                                              const RdmaOptions& options);

 private:
  explicit RdmaPathListener(TcpListener streams)
      : streams_(std::move(streams)) {}
  TcpListener streams_;
};

}  // namespace causeway
