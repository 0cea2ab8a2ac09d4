// WanStream: one stream of a QUIC connection as a ByteStream. The connection
// lives in the link's thread; between them are two rings and a few flags.
//
//   owner's thread    send() ─► out ring ─► link's thread ─► QUIC
//                  receive() ◄─ in ring  ◄─
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "dpdk-wan/link/byte_ring.h"
#include "engine/base/notifier.h"
#include "engine/base/result.h"
#include "engine/path/stream/byte_stream.h"

namespace causeway {

// Wakes a thread that says before it sleeps that it is about to. Both sides:
// change, then ask; say, then look again: so no change is slept over.
class SleepBell {
 public:
  // The sleeper: about to sleep; it looks again whether there is work.
  void about_to_sleep();
  // The sleeper is up again.
  void up();
  // Anyone, after a change.
  void ring();
  int fd() const { return notifier_.fd(); }

 private:
  Notifier notifier_;
  std::atomic<bool> sleeping_{false};
  bool slept_ = false;  // the sleeper's own
};

// How the link's end came about: written once, then published by `ended`.
struct LinkEnd {
  std::atomic<bool> ended{false};
  bool orderly = false;  // the peer closed, having all that it wanted
  ErrorCode code = ErrorCode::kConnectionLost;
  std::string reason;  // to stand behind the peer's name
};

// What the two threads share of one stream.
struct WanStreamRings {
  WanStreamRings(size_t out_bytes, size_t in_bytes)
      : out(out_bytes), in(in_bytes) {}
  ByteRing out;
  ByteRing in;
  std::atomic<bool> out_finished{false};  // the owner: no more comes
  std::atomic<bool> in_dropped{false};    // the owner takes no more
  std::atomic<bool> in_finished{false};   // the peer: no more comes
  std::atomic<bool> out_refused{false};   // the peer takes no more
  std::atomic<bool> urgent{false};        // the owner, or the peer's owner
  SleepBell owner;
  // What the owner sleeps on, as it said last.
  std::atomic<bool> wants_room{false};
};

class WanStream final : public ByteStream {
 public:
  // All references outlive the stream.
  WanStream(WanStreamRings& rings, SleepBell& link, const LinkEnd& end,
            std::string peer)
      : rings_(rings), link_(link), end_(end), peer_(std::move(peer)) {}
  ~WanStream() override { abort(); }

  using ByteStream::receive;
  using ByteStream::send;
  StreamIo send(std::span<const iovec> pieces) override;
  StreamIo receive(std::span<const iovec> pieces) override;
  Instant wait_on(WaitSet& set, bool unsent) const override;
  void finish() override;
  void abort() override;
  void set_urgent(bool urgent) override { rings_.urgent.store(urgent); }
  const std::string& peer() const override { return peer_; }

 private:
  StreamIo lost() const;

  WanStreamRings& rings_;
  SleepBell& link_;
  const LinkEnd& end_;
  std::string peer_;
  uint64_t told_ = 0;  // the link knows that so much was taken
};

}  // namespace causeway
