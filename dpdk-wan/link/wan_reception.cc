#include "dpdk-wan/link/wan_reception.h"

#include <algorithm>

namespace causeway {

bool WanReception::Stranger::on_bytes(uint16_t stream,
                                      std::span<const std::byte> bytes) {
  // The source waits for its welcome before it says more.
  if (stream != 0 || bytes.size() > hello.size() - got) return false;
  std::copy(bytes.begin(), bytes.end(), hello.begin() + got);
  got += bytes.size();
  return true;
}

WanReception::Stranger* WanReception::find(
    std::span<const std::byte> datagram) {
  for (auto& stranger : strangers_) {
    if (stranger->connection->owns(datagram)) return stranger.get();
  }
  return nullptr;
}

WanReception::Stranger* WanReception::greet(const ReceivedPacket& packet,
                                            Instant now) {
  QuicRetry::Origin origin;
  const QuicRetry::Verdict verdict = retry_.judge(packet, now, &origin);
  if (verdict == QuicRetry::Verdict::kNone) return nullptr;  // noise
  const bool proven = verdict == QuicRetry::Verdict::kProven;
  if (!proven && must_ask()) {
    ask(packet, now);
    return nullptr;
  }
  auto stranger = std::make_unique<Stranger>();
  auto connection =
      QuicConnection::accept(credentials_, io_.local(), packet, options_,
                             *stranger, now, proven ? &origin : nullptr);
  if (!connection) return nullptr;
  stranger->connection = std::move(connection).value();
  stranger->proven = proven;
  stranger->until = now + kWanHelloWaitMax;
  if (strangers_.size() == kWanStrangersMax) make_room();
  strangers_.push_back(std::move(stranger));
  return strangers_.back().get();
}

void WanReception::ask(const ReceivedPacket& packet, Instant now) {
  const std::span<std::byte> room = io_.next_packet();
  if (room.empty()) return;  // it will come again
  const size_t bytes = retry_.ask(packet, room, now);
  if (bytes > 0) io_.send_packet(bytes, packet.from, 0);
}

bool WanReception::must_ask() const {
  const auto unproven =
      std::count_if(strangers_.begin(), strangers_.end(), [](const auto& each) {
        return !each->proven && !each->connection->shaken();
      });
  return static_cast<size_t>(unproven) >= kWanUnprovenMax;
}

// The oldest goes, of those who have proven nothing if there is any.
void WanReception::make_room() {
  const auto unproven =
      std::find_if(strangers_.begin(), strangers_.end(),
                   [](const auto& each) { return !each->proven; });
  strangers_.erase(unproven == strangers_.end() ? strangers_.begin()
                                                : unproven);
}

std::optional<WanReception::Guest> WanReception::take_packet(
    const ReceivedPacket& packet, Instant now) {
  Stranger* stranger = find(packet.payload);
  if (stranger == nullptr) stranger = greet(packet, now);
  if (stranger == nullptr) return std::nullopt;
  if (Status read = stranger->connection->read(packet, now); !read) {
    turn_away(*stranger, read.error().message, now);
    return std::nullopt;
  }
  if (stranger->got < stranger->hello.size()) return std::nullopt;
  const auto hello = decode_hello(stranger->hello);
  if (!hello || !tokens_equal(hello->token, token_)) {
    turn_away(*stranger, "it does not know this migration", now);
    return std::nullopt;
  }
  Guest guest{std::move(stranger->connection), *hello, stranger->open};
  guest.connection->consumed(0, Hello::kBytes);
  std::erase_if(strangers_,
                [&](const auto& each) { return each.get() == stranger; });
  return guest;
}

Status WanReception::send(Stranger& stranger, Instant now) {
  for (;;) {
    const std::span<std::byte> room = io_.next_packet();
    if (room.empty()) return {};
    uint8_t ecn = 0;
    CAUSEWAY_ASSIGN(const size_t bytes,
                    stranger.connection->write(room, ecn, now));
    if (bytes == 0) break;
    io_.send_packet(bytes, stranger.connection->remote(), ecn);
  }
  stranger.connection->burst_sent(now);
  return {};
}

Instant WanReception::advance(Instant now) {
  Instant wake = kNever;
  for (size_t i = 0; i < strangers_.size();) {
    Stranger& stranger = *strangers_[i];
    Status status;
    if (now >= stranger.until) {
      status = make_error(ErrorCode::kTimeout, "it did not say hello in time");
    } else if (stranger.connection->expiry() <= now) {
      status = stranger.connection->handle_expiry(now);
    }
    if (status) status = send(stranger, now);
    if (!status) {
      turn_away(stranger, status.error().message, now);
      continue;
    }
    wake = std::min({wake, stranger.until, stranger.connection->expiry()});
    ++i;
  }
  return wake;
}

void WanReception::turn_away(Stranger& stranger, const std::string& why,
                             Instant now) {
  last_refusal_ = fmt::format(" The last that was turned away: {}, {}.",
                              stranger.connection->remote().text(), why);
  const std::span<std::byte> room = io_.next_packet();
  if (!room.empty()) {
    const size_t bytes = stranger.connection->write_close(room, false, now);
    if (bytes > 0) io_.send_packet(bytes, stranger.connection->remote(), 0);
  }
  std::erase_if(strangers_,
                [&](const auto& each) { return each.get() == &stranger; });
}

void WanReception::dismiss(Instant now) {
  const std::string kept = last_refusal_;
  while (!strangers_.empty()) turn_away(*strangers_.front(), "", now);
  last_refusal_ = kept;
}

}  // namespace causeway
