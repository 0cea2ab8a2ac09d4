// RdmaPathListener: the target's end of an rdma path.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "engine/path/path.h"
#include "engine/path/stream/hello.h"
#include "engine/path/tcp/tcp_listener.h"
#include "rdma/rdma_options.h"
#include "rdma/verbs/rendezvous.h"

namespace causeway {

class RdmaPathListener {
 public:
  // `address`: for the streams, as TcpListener::listen(); and at the verbs
  // device that has options.device_address. kNotFound: none has it, and RDMA is
  // required.
  static Result<RdmaPathListener> listen(std::string_view address,
                                         const RdmaOptions& options);

  std::string address() const { return streams_.address(); }

  // Waits for the source's streams, as TcpListener::accept(), and for its RDMA
  // connections. Once. The path outlives its receivers.
  Result<std::unique_ptr<InboundPath>> accept(const PathToken& token,
                                              const RdmaOptions& options);

 private:
  RdmaPathListener(TcpListener streams, Result<RdmaListener> device)
      : streams_(std::move(streams)), device_(std::move(device)) {}
  TcpListener streams_;
  Result<RdmaListener> device_;
};

}  // namespace causeway
