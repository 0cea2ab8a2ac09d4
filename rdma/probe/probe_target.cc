#include "rdma/probe/probe_target.h"

#include <array>

namespace causeway {

Instant RdmaProbeTarget::step(Instant now) {
  auto moved = take();
  if (moved && !*moved) {
    if (!worker_.endpoint->arm(/*sent_too=*/false)) gone_ = true;
    moved = take();
  }
  if (!moved || !source_is_there()) gone_ = true;
  return moved && *moved ? now : kNever;
}

bool RdmaProbeTarget::source_is_there() {
  std::byte said{};
  return control_.receive(std::span(&said, 1)).state ==
         StreamIo::State::kBlocked;
}

Result<bool> RdmaProbeTarget::take() {
  std::array<RdmaCompletion, 16> done;
  CAUSEWAY_ASSIGN(const size_t found, worker_.endpoint->poll(done));
  for (const RdmaCompletion& one : std::span(done).first(found)) {
    CAUSEWAY_TRY(worker_.endpoint->take_again(one.buffer));
  }
  return found > 0;
}

}  // namespace causeway
