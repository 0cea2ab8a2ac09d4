#include "tools/mover/mover_port.h"

namespace causeway {

Result<std::unique_ptr<PacketIo>> open_port(const PortOptions& options) {
  return make_error(ErrorCode::kIncompatible,
                    "the port {} cannot be used: this Causeway was built "
                    "without DPDK",
                    options.device);
}

}  // namespace causeway
