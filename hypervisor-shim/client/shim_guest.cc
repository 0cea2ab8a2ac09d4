#include "hypervisor-shim/client/shim_guest.h"

#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "engine/runtime/clock.h"
#include "hypervisor-shim/protocol/state_fd.h"

namespace causeway {

using shim::MessageType;
using shim::ShimConnection;

namespace {

Result<uint64_t> length_of(int fd, const RegionInfo& region) {
  struct stat info {};
  if (::fstat(fd, &info) != 0)
    return errno_error(errno, "look at region " + region.name);
  if (S_ISREG(info.st_mode)) return static_cast<uint64_t>(info.st_size);
  uint64_t bytes = 0;
  if (region.kind == RegionKind::kDisk && S_ISBLK(info.st_mode)) {
    if (::ioctl(fd, BLKGETSIZE64, &bytes) != 0)
      return errno_error(errno, "size of region " + region.name);
    return bytes;
  }
  return make_error(ErrorCode::kPeerBroken,
                    "region {}: the VMM gave neither a file nor a block "
                    "device for it",
                    region.name);
}

// An access behind the end of a mapping would kill this process.
Status check_regions(const GuestSpec& spec, const std::vector<UniqueFd>& fds) {
  if (fds.size() != spec.regions.size() + 1) {
    return make_error(ErrorCode::kPeerBroken,
                      "guest {}: the VMM named {} regions and gave {} "
                      "descriptors; one more than regions was due",
                      spec.name, spec.regions.size(), fds.size());
  }
  for (const RegionInfo& region : spec.regions) {
    CAUSEWAY_ASSIGN(const uint64_t bytes,
                    length_of(fds[region.id].get(), region));
    if (bytes < region.bytes) {
      return make_error(ErrorCode::kPeerBroken,
                        "guest {}: the VMM says region {} has {} bytes, its "
                        "file has {}",
                        spec.name, region.name, region.bytes, bytes);
    }
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<ShimGuest>> ShimGuest::connect(
    const std::string& socket_path, std::chrono::milliseconds call_timeout) {
  CAUSEWAY_ASSIGN(UniqueFd socket, shim::connect_to(socket_path));
  auto connection = std::make_unique<ShimConnection>(std::move(socket),
                                                     socket_path, call_timeout);
  CAUSEWAY_ASSIGN(ShimConnection::Hello hello, connection->receive_hello());
  CAUSEWAY_TRY(check_regions(hello.spec, hello.fds));
  UniqueFd owed_fd = std::move(hello.fds.back());
  hello.fds.pop_back();
  CAUSEWAY_ASSIGN(
      shim::OwedMemory owed,
      shim::OwedMemory::attach(std::move(owed_fd), hello.spec.regions));
  return std::unique_ptr<ShimGuest>(
      new ShimGuest(std::move(connection), std::move(hello.spec),
                    std::move(hello.fds), std::move(owed)));
}

ShimGuest::ShimGuest(std::unique_ptr<ShimConnection> connection, GuestSpec spec,
                     std::vector<UniqueFd> region_fds, shim::OwedMemory owed)
    : connection_(std::move(connection)),
      spec_(std::move(spec)),
      region_fds_(std::move(region_fds)),
      dirty_log_(*connection_, std::move(owed)) {}

Result<Instant> ShimGuest::pause() {
  return call_for_moment(MessageType::kPause);
}

Result<Instant> ShimGuest::resume() {
  return call_for_moment(MessageType::kResume);
}

// The VMM's word, as far as it can be true: a VMM that is broken, or that
// counts its time elsewhere (a time namespace), costs the ledger no more than
// what the call took.
Result<Instant> ShimGuest::call_for_moment(MessageType type) {
  const Instant called = monotonic_now();
  CAUSEWAY_ASSIGN(
      const ShimConnection::Answer answer,
      connection_->call(type, shim::encode_empty(connection_->next(type))));
  CAUSEWAY_ASSIGN(const Instant told, shim::decode_moment(answer.payload));
  return std::clamp(told, called, monotonic_now());
}

Status ShimGuest::commit() {
  return connection_->call_empty(MessageType::kCommit);
}

Result<std::vector<std::byte>> ShimGuest::save_state() {
  constexpr auto kType = MessageType::kSaveState;
  CAUSEWAY_ASSIGN(
      const ShimConnection::Answer answer,
      connection_->call(kType, shim::encode_empty(connection_->next(kType))));
  CAUSEWAY_ASSIGN(const uint64_t bytes,
                  shim::decode_blob_bytes(answer.payload));
  if (answer.fds.size() != 1) {
    return make_error(ErrorCode::kPeerBroken,
                      "guest {}: save-state was answered with {} descriptors, "
                      "one was due",
                      spec_.name, answer.fds.size());
  }
  return shim::read_state_fd(answer.fds[0].get(), bytes);
}

Status ShimGuest::load_state(std::span<const std::byte> state) {
  if (state.size() > kStateBytesMax) {
    return make_error(ErrorCode::kInvalidArgument,
                      "guest {}: a state of {} bytes; at most {} are taken",
                      spec_.name, state.size(), kStateBytesMax);
  }
  constexpr auto kType = MessageType::kLoadState;
  CAUSEWAY_ASSIGN(const UniqueFd fd, shim::make_state_fd(state));
  const auto request =
      shim::encode_blob_bytes(connection_->next(kType), state.size());
  CAUSEWAY_ASSIGN(const auto answer,
                  connection_->call(kType, request, fd.get()));
  return shim::decode_empty(answer.payload);
}

Status ShimGuest::check_features(std::span<const std::byte> features) {
  if (features.size() > kFeaturesBytesMax) {
    return make_error(ErrorCode::kInvalidArgument,
                      "guest {}: a feature list of {} bytes; at most {} are "
                      "taken",
                      spec_.name, features.size(), kFeaturesBytesMax);
  }
  constexpr auto kType = MessageType::kCheckFeatures;
  const auto request =
      shim::encode_features(connection_->next(kType), features);
  CAUSEWAY_ASSIGN(const auto answer, connection_->call(kType, request));
  return shim::decode_empty(answer.payload);
}

int ShimGuest::region_fd(RegionId region) const {
  CAUSEWAY_ASSERT(region < region_fds_.size());
  return region_fds_[region].get();
}

}  // namespace causeway
