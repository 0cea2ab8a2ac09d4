// The path that a mover's spec asks for: the one place of the mover that names
// kinds of paths.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "dpdk-wan/wan_listener.h"
#include "engine/path/path.h"
#include "engine/path/tcp/tcp_listener.h"
#include "tools/mover/mover_spec.h"

namespace causeway {

// The source's end. `guest_bytes`: memory and disks, which may all go over one
// stream.
Result<std::unique_ptr<OutboundPath>> connect_path(const MoverSpec& spec,
                                                   uint64_t guest_bytes);

// The target's end, until the source has come.
class MoverListener {
 public:
  static Result<MoverListener> listen(const MoverSpec& spec);
  std::string address() const;
  Result<std::unique_ptr<InboundPath>> accept(const MoverSpec& spec,
                                              Duration timeout);

 private:
  std::optional<TcpListener> tcp_;
  std::optional<WanListener> wan_;
};

}  // namespace causeway
