#include "hypervisor-shim/embed/shim_service.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>

#include "hypervisor-shim/protocol/limits.h"
#include "hypervisor-shim/protocol/state_fd.h"

namespace causeway::shim {
namespace {

// A mover that does not read its answers is as good as gone; its socket's
// buffer takes more than it may have asked for.
constexpr std::chrono::milliseconds kSendTimeout{1000};
constexpr std::chrono::milliseconds kNoWait{0};

// The VMM's signals (kicks of its vCPU threads) are none of this thread's.
class BlockSignals {
 public:
  BlockSignals() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~BlockSignals() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  BlockSignals(const BlockSignals&) = delete;
  BlockSignals& operator=(const BlockSignals&) = delete;

 private:
  sigset_t before_;
};

}  // namespace

Result<std::unique_ptr<ShimService>> ShimService::start(Config config,
                                                        Vmm vmm) {
  CAUSEWAY_ASSIGN(OwedMemory owed, OwedMemory::create(config.spec.regions));
  CAUSEWAY_ASSIGN(UniqueFd listener, listen_at(config.socket_path));
  std::unique_ptr<ShimService> service(new ShimService(
      std::move(config), vmm, std::move(owed), std::move(listener)));
  const BlockSignals block;
  service->thread_ = std::thread([raw = service.get()] { raw->run(); });
  pthread_setname_np(service->thread_.native_handle(), "causeway-shim");
  return service;
}

ShimService::ShimService(Config config, Vmm vmm, OwedMemory owed,
                         UniqueFd listener)
    : config_(std::move(config)),
      vmm_(vmm),
      log_(vmm_, config_.spec.regions, std::move(owed)),
      listener_(std::move(listener)) {}

ShimService::~ShimService() {
  stopping_.store(true);
  notifier_.notify();
  if (thread_.joinable()) thread_.join();
  ::unlink(config_.socket_path.c_str());
}

void ShimService::guest_died(std::string why) {
  {
    const std::lock_guard lock(death_mutex_);
    if (!death_) death_ = std::move(why);
  }
  notifier_.notify();
}

std::optional<std::string> ShimService::death() {
  const std::lock_guard lock(death_mutex_);
  return death_;
}

Status ShimService::refuse_if_dead() {
  if (const auto why = death())
    return make_error(ErrorCode::kGuestDied, "the guest died: {}", *why);
  return {};
}

void ShimService::run() {
  while (!stopping_.load()) {
    std::array<pollfd, 3> fds{{{notifier_.fd(), POLLIN, 0},
                               {listener_.get(), POLLIN, 0},
                               {mover_.get(), POLLIN, 0}}};
    // poll() passes over a negative descriptor: no mover.
    if (::poll(fds.data(), fds.size(), -1) < 0) continue;
    if (fds[0].revents != 0) {
      notifier_.drain();
      tell_died();
    }
    // The mover before the listener: one that is gone makes room for the next.
    if (mover_ && fds[2].revents != 0) serve_request();
    if (fds[1].revents != 0) accept_mover();
  }
}

void ShimService::accept_mover() {
  UniqueFd socket(::accept4(listener_.get(), nullptr, nullptr,
                            SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!socket) return;
  if (Status greeted = greet(socket.get()); !greeted) {
    // It goes away in any case; whether it hears why is its own affair.
    const Packet packet =
        encode_error(Header{MessageType::kRefused, 0}, greeted.error());
    (void)send_packet(socket.get(), packet, {}, kNoWait).has_value();
    return;
  }
  mover_ = std::move(socket);
  told_died_ = false;
  tell_died();
}

Status ShimService::greet(int socket) {
  if (!peer_is_trusted(socket)) {
    return make_error(ErrorCode::kPermission,
                      "guest {}: its shim serves only the user that runs the "
                      "VMM, and root",
                      config_.spec.name);
  }
  if (mover_) {
    return make_error(ErrorCode::kAlreadyExists,
                      "guest {}: another mover is connected to its shim; a "
                      "guest is moved by one at a time",
                      config_.spec.name);
  }
  GuestSpec spec = config_.spec;
  CAUSEWAY_ASSIGN(spec.features, vmm_.features());
  std::vector<int> fds;
  for (const UniqueFd& fd : config_.region_fds) fds.push_back(fd.get());
  fds.push_back(log_.fd());
  return send_packet(socket, encode_hello(spec), fds, kSendTimeout);
}

void ShimService::tell_died() {
  if (!mover_ || told_died_) return;
  const auto why = death();
  if (!why) return;
  told_died_ = true;
  if (!send_packet(mover_.get(), encode_died(*why), {}, kSendTimeout))
    lose_mover();
}

void ShimService::serve_request() {
  auto received = receiver_.receive(mover_.get(), kNoWait);
  if (!received) {
    if (received.error().code != ErrorCode::kTimeout) lose_mover();
    return;
  }
  const auto request = decode_message(received->packet);
  if (!request) {
    // What else comes on this connection cannot be believed either.
    const Packet packet =
        encode_error(Header{MessageType::kRefused, 0}, request.error());
    (void)send_packet(mover_.get(), packet, {}, kNoWait).has_value();
    lose_mover();
    return;
  }
  const uint32_t sequence = request->header.sequence;
  auto answered = answer(*request, received->fds);
  Packet packet = answered ? std::move(answered->packet)
                           : encode_error(Header{MessageType::kError, sequence},
                                          answered.error());
  const int fd = answered ? answered->fd.get() : -1;
  const std::span<const int> fds(&fd, fd >= 0 ? 1 : 0);
  if (!send_packet(mover_.get(), packet, fds, kSendTimeout)) lose_mover();
}

void ShimService::lose_mover() {
  mover_.reset();
  if (paused_ && !committed_ && !death()) {
    // Nobody is left to tell of a failure; the VMM knows of it.
    if (vmm_.resume()) paused_ = false;
  }
  (void)log_.stop().has_value();
}

Result<ShimService::Answer> ShimService::answer(const Message& request,
                                                std::span<const UniqueFd> fds) {
  const std::span<const std::byte> payload = request.payload;
  const Header ok{MessageType::kOk, request.header.sequence};
  const auto empty = [&](Status status) -> Result<Answer> {
    CAUSEWAY_TRY(std::move(status));
    return Answer{encode_empty(ok), {}};
  };
  switch (request.header.type) {
    case MessageType::kPause: {
      CAUSEWAY_ASSIGN(const Instant stopped, pause());
      return Answer{encode_moment(ok, stopped), {}};
    }
    case MessageType::kResume: {
      CAUSEWAY_ASSIGN(const Instant went_on, resume());
      return Answer{encode_moment(ok, went_on), {}};
    }
    case MessageType::kCommit:
      return empty(commit());
    case MessageType::kSaveState:
      return save_state(ok);
    case MessageType::kLoadState:
      return empty(load_state(request, fds));
    case MessageType::kCheckFeatures: {
      CAUSEWAY_ASSIGN(const auto features, decode_features(payload));
      return empty(vmm_.check_features(features));
    }
    case MessageType::kDirtyStart:
      return empty(log_.start());
    case MessageType::kDirtyCollect: {
      CAUSEWAY_ASSIGN(const Version version, log_.collect());
      return Answer{encode_version(ok, version), {}};
    }
    case MessageType::kDirtyRearm: {
      CAUSEWAY_ASSIGN(const BlockRange range, decode_range(payload));
      return empty(log_.rearm(range));
    }
    case MessageType::kDirtyStop:
      return empty(log_.stop());
    default:
      return make_error(ErrorCode::kPeerBroken,
                        "shim protocol: {} is no request",
                        message_type_name(request.header.type));
  }
}

Result<Instant> ShimService::pause() {
  CAUSEWAY_TRY(refuse_if_dead());
  CAUSEWAY_ASSIGN(const Instant stopped, vmm_.pause());
  paused_ = true;
  return stopped;
}

Result<Instant> ShimService::resume() {
  CAUSEWAY_TRY(refuse_if_dead());
  CAUSEWAY_ASSIGN(const Instant went_on, vmm_.resume());
  paused_ = false;
  committed_ = false;
  return went_on;
}

Status ShimService::commit() {
  CAUSEWAY_TRY(refuse_if_dead());
  if (!paused_) {
    return make_error(ErrorCode::kInvalidArgument,
                      "guest {}: commit needs a paused guest",
                      config_.spec.name);
  }
  committed_ = true;
  return {};
}

Result<ShimService::Answer> ShimService::save_state(Header ok) {
  CAUSEWAY_TRY(refuse_if_dead());
  if (!paused_) {
    return make_error(ErrorCode::kInvalidArgument,
                      "guest {}: its state can be saved only while it is "
                      "paused",
                      config_.spec.name);
  }
  CAUSEWAY_ASSIGN(const auto state, vmm_.save_state());
  CAUSEWAY_ASSIGN(UniqueFd fd, make_state_fd(state));
  return Answer{encode_blob_bytes(ok, state.size()), std::move(fd)};
}

Status ShimService::load_state(const Message& request,
                               std::span<const UniqueFd> fds) {
  CAUSEWAY_ASSIGN(const uint64_t bytes, decode_blob_bytes(request.payload));
  if (fds.size() != 1) {
    return make_error(ErrorCode::kPeerBroken,
                      "shim protocol: load-state came with {} descriptors, it "
                      "takes one",
                      fds.size());
  }
  CAUSEWAY_ASSIGN(const auto state, read_state_fd(fds[0].get(), bytes));
  return vmm_.load_state(state);
}

}  // namespace causeway::shim
