// ShimGuest: a guest in a VMM of this host, reached over the shim socket.
// Guest and DirtyLog of the engine; the contract is theirs.
//
// One owner, one thread. Each call waits at most the timeout for the VMM
// (kTimeout: it hangs). After a call that got no answer the connection is of
// no more use, and every later call gives the same Error; the VMM sees the
// connection close when the ShimGuest goes (Guest::pause() says what then).
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "engine/base/result.h"
#include "engine/base/unique_fd.h"
#include "engine/guest/guest.h"
#include "hypervisor-shim/client/shim_connection.h"
#include "hypervisor-shim/client/shim_dirty_log.h"
#include "hypervisor-shim/protocol/limits.h"

namespace causeway {

class ShimGuest : public Guest {
 public:
  // kUnreachable: no VMM listens at `socket_path`. kAlreadyExists: another
  // mover is connected. kPeerBroken: what the VMM says of its regions is not
  // true of the descriptors it gave.
  static Result<std::unique_ptr<ShimGuest>> connect(
      const std::string& socket_path,
      std::chrono::milliseconds call_timeout = kShimCallTimeout);

  const GuestSpec& spec() const override { return spec_; }
  Result<Instant> pause() override;
  Result<Instant> resume() override;
  Status commit() override;
  Result<std::vector<std::byte>> save_state() override;
  Status load_state(std::span<const std::byte> state) override;
  DirtyLog& dirty_log() override { return dirty_log_; }
  std::optional<Error> died() override { return connection_->died(); }

  // Does this guest's host offer what `features` (GuestSpec::features of a
  // guest elsewhere) needs? kIncompatible names what is missing.
  Status check_features(std::span<const std::byte> features);

  // The region's memfd or disk, at least as long as spec() says. Ours; valid
  // as long as this object.
  int region_fd(RegionId region) const;

 private:
  ShimGuest(std::unique_ptr<shim::ShimConnection> connection, GuestSpec spec,
            std::vector<UniqueFd> region_fds, shim::OwedMemory owed);
  Result<Instant> call_for_moment(shim::MessageType type);

  std::unique_ptr<shim::ShimConnection> connection_;
  GuestSpec spec_;
  std::vector<UniqueFd> region_fds_;
  ShimDirtyLog dirty_log_;
};

}  // namespace causeway
