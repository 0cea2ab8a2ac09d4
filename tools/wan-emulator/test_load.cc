#include "tools/wan-emulator/test_load.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>

#include "engine/runtime/clock.h"

namespace causeway {
namespace {

constexpr uint16_t kPort = 7;
constexpr size_t kBurst = 32;
constexpr size_t kDatagramBytesMax = 9000;
constexpr int kBufferBytes = 64 << 20;

sockaddr_in address_of(const std::string& ip) {
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(kPort);
  CAUSEWAY_ASSERT(inet_pton(AF_INET, ip.c_str(), &address.sin_addr) == 1);
  return address;
}

Result<UniqueFd> bound_socket(const std::string& ip) {
  UniqueFd fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const sockaddr_in own = address_of(ip);
  if (!fd || ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&own),
                    sizeof(own)) != 0) {
    return errno_error(errno, "a socket of the self-test");
  }
  for (const int option : {SO_RCVBUFFORCE, SO_SNDBUFFORCE}) {
    ::setsockopt(fd.get(), SOL_SOCKET, option, &kBufferBytes,
                 sizeof(kBufferBytes));
  }
  const int on = 1;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on));
  return fd;
}

// Messages of one sendmmsg() or recvmmsg(), with their buffers.
struct Burst {
  explicit Burst(size_t datagram_bytes)
      : bytes(kBurst * datagram_bytes), messages{} {
    for (size_t i = 0; i < kBurst; ++i) {
      pieces[i] = {bytes.data() + i * datagram_bytes, datagram_bytes};
      messages[i].msg_hdr.msg_iov = &pieces[i];
      messages[i].msg_hdr.msg_iovlen = 1;
    }
  }
  std::byte* data(size_t i) {
    return static_cast<std::byte*>(pieces[i].iov_base);
  }

  // For recvmmsg(), before each: room for the kernel's stamps.
  void make_room_for_stamps() {
    for (size_t i = 0; i < kBurst; ++i) {
      messages[i].msg_hdr.msg_control = &stamps[i];
      messages[i].msg_hdr.msg_controllen = sizeof(stamps[i]);
    }
  }

  std::vector<std::byte> bytes;
  struct alignas(cmsghdr) Stamp {
    std::array<std::byte, CMSG_SPACE(sizeof(timespec))> bytes;
  };
  std::array<Stamp, kBurst> stamps;
  std::array<iovec, kBurst> pieces;
  std::array<mmsghdr, kBurst> messages;
};

Duration wall_clock() {
  timespec now = {};
  ::clock_gettime(CLOCK_REALTIME, &now);
  return std::chrono::seconds(now.tv_sec) +
         std::chrono::nanoseconds(now.tv_nsec);
}

// When the kernel got it, by CLOCK_REALTIME: the receiving thread may come to
// run much later.
Duration stamp_of(msghdr* message) {
  timespec stamp = {};
  for (cmsghdr* each = CMSG_FIRSTHDR(message); each != nullptr;
       each = CMSG_NXTHDR(message, each)) {
    if (each->cmsg_type == SCM_TIMESTAMPNS) {
      std::memcpy(&stamp, CMSG_DATA(each), sizeof(stamp));
    }
  }
  return std::chrono::seconds(stamp.tv_sec) +
         std::chrono::nanoseconds(stamp.tv_nsec);
}

}  // namespace

Result<std::unique_ptr<LoadReceiver>> LoadReceiver::start(
    const LoadPlan& plan) {
  std::unique_ptr<LoadReceiver> receiver(new LoadReceiver());
  CAUSEWAY_ASSIGN(receiver->fd_, bound_socket(plan.to));
  const uint64_t frame_bits = 8 * (plan.datagram_bytes + kDatagramHeadBytes);
  receiver->result_.transits.reserve(static_cast<size_t>(
      seconds(plan.length) * static_cast<double>(plan.rate_bits_s) /
          static_cast<double>(frame_bits) +
      1000));
  receiver->thread_ = std::thread(&LoadReceiver::loop, receiver.get());
  return receiver;
}

LoadReceiver::~LoadReceiver() {
  stopping_ = true;
  if (thread_.joinable()) thread_.join();
}

void LoadReceiver::loop() {
  Burst burst(kDatagramBytesMax);
  Duration first{};
  while (!stopping_) {
    pollfd readable = {fd_.get(), POLLIN, 0};
    if (::poll(&readable, 1, 20) != 1) continue;
    burst.make_room_for_stamps();
    const int got = ::recvmmsg(fd_.get(), burst.messages.data(), kBurst,
                               MSG_DONTWAIT, nullptr);
    const Instant now = monotonic_now();
    for (int i = 0; i < got; ++i) {
      const auto number = static_cast<size_t>(i);
      const Duration came = stamp_of(&burst.messages[number].msg_hdr);
      Duration sent;
      std::memcpy(&sent, burst.data(number), sizeof(sent));
      result_.transits.push_back(came - sent);
      result_.received_bytes +=
          burst.messages[number].msg_len + kDatagramHeadBytes;
      if (result_.received_frames++ == 0) first = came;
      result_.received_for = came - first;
    }
    if (got > 0) last_ns_ = now.time_since_epoch().count();
  }
}

LoadResult LoadReceiver::finish(Duration quiet) {
  const Instant asked = monotonic_now();
  for (;;) {
    const Instant last = std::max(asked, Instant(Duration(last_ns_.load())));
    if (monotonic_now() - last > quiet) break;
    std::this_thread::sleep_for(quiet / 8);
  }
  stopping_ = true;
  thread_.join();
  return std::move(result_);
}

Result<uint64_t> send_load(const LoadPlan& plan) {
  CAUSEWAY_ASSIGN(const UniqueFd fd, bound_socket(plan.from));
  const sockaddr_in to = address_of(plan.to);
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&to), sizeof(to)) !=
      0) {
    return errno_error(errno, "connecting the self-test's sender");
  }
  Burst burst(plan.datagram_bytes);
  const double frames_s =
      static_cast<double>(plan.rate_bits_s) /
      (8 * static_cast<double>(plan.datagram_bytes + kDatagramHeadBytes));
  const Instant began = monotonic_now();
  uint64_t sent = 0;
  for (Instant now = began; now < began + plan.length; now = monotonic_now()) {
    const auto owed = static_cast<uint64_t>(seconds(now - began) * frames_s);
    const size_t count = std::min<uint64_t>(owed - sent, kBurst);
    if (count == 0) {
      std::this_thread::sleep_for(std::chrono::microseconds(50));
      continue;
    }
    const Duration stamp = wall_clock();
    for (size_t i = 0; i < count; ++i) {
      std::memcpy(burst.data(i), &stamp, sizeof(stamp));
    }
    const int done = ::sendmmsg(fd.get(), burst.messages.data(),
                                static_cast<unsigned>(count), 0);
    if (done < 0) return errno_error(errno, "the self-test's sender");
    sent += static_cast<uint64_t>(done);
  }
  return sent;
}

}  // namespace causeway
