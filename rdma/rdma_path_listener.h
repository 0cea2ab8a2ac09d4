// RdmaPathListener: the target's end of an rdma path.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "engine/base/stepper.h"
#include "engine/path/path.h"
#include "engine/path/stream/hello.h"
#include "rdma/rdma_options.h"

namespace causeway {

class RdmaPathListener {
 public:
  // `address`: for the streams, as TcpListener::listen(); and at the verbs
  // devices that have options.device_addresses. kNotFound: none, and RDMA is
  // required.
  static Result<RdmaPathListener> listen(std::string_view address,
                                         const RdmaOptions& options);

  RdmaPathListener(RdmaPathListener&&) noexcept;
  RdmaPathListener& operator=(RdmaPathListener&&) noexcept;
  ~RdmaPathListener();

  std::string address() const;

  // Waits for the source's streams, as TcpListener::accept(), and for its RDMA
  // connections. Once. The path outlives its receivers.
  Result<std::unique_ptr<InboundPath>> accept(const PathToken& token,
                                              const RdmaOptions& options);

  // The same for the source of a probe (rdma/probe/rdma_probe.h): the stepper
  // answers it and is done() when it has gone.
  Result<std::unique_ptr<Stepper>> accept_probe(const PathToken& token,
                                                const RdmaOptions& options);

 private:
  struct Ends;  // keeps the verbs' headers inside
  explicit RdmaPathListener(std::unique_ptr<Ends> ends);
  std::unique_ptr<Ends> ends_;
};

}  // namespace causeway
