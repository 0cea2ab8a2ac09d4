// ByteStream: ordered, reliable bytes both ways, under the channels of every
// path that has such a thing: a TCP connection, in the clear or inside TLS
// (engine/path/tcp), a stream of a QUIC connection (dpdk-wan).
//
// One owner, one thread; no call blocks, and none allocates once the stream is
// open.
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "engine/base/stepper.h"

namespace causeway {

// What came of moving bytes on a stream.
struct StreamIo {
  enum class State : uint8_t {
    kMoved,    // all of it, or as much as there was
    kBlocked,  // `bytes`, and wait_on() says when there is more to do
    kClosed,   // the peer has said all it had to say
    kBroken,
  };
  State state = State::kMoved;
  bool refused = false;  // the peer does not accept our certificate
  int errno_value = 0;   // of kBroken, 0 when it is not a socket's
  size_t bytes = 0;
  const char* reason = nullptr;  // where errno has none; for good
};

class ByteStream {
 public:
  virtual ~ByteStream() = default;

  // Sends from the pieces, in order. kMoved or kBlocked with how many bytes
  // were taken: those are the stream's from here on. What was not taken is
  // offered again, with more behind it or without.
  virtual StreamIo send(std::span<const iovec> pieces) = 0;
  // Fills the pieces, in order. kBlocked: with what was there, if anything.
  virtual StreamIo receive(std::span<const iovec> pieces) = 0;

  StreamIo send(std::span<const std::byte> bytes) {
    const iovec piece{const_cast<std::byte*>(bytes.data()), bytes.size()};
    return send(std::span(&piece, 1));
  }
  StreamIo receive(std::span<std::byte> bytes) {
    const iovec piece{bytes.data(), bytes.size()};
    return receive(std::span<const iovec>(&piece, 1));
  }

  // What to sleep on until there is more to receive or, with `unsent`, room to
  // send. As BulkChannel::wait_on.
  virtual Instant wait_on(WaitSet& set, bool unsent) const = 0;

  // The peer learns that no more comes, after all that was sent; with abort()
  // this end takes no more either.
  virtual void finish() = 0;
  virtual void abort() = 0;

  // As BulkChannel::set_urgent. Any thread.
  virtual void set_urgent(bool urgent) = 0;

  virtual const std::string& peer() const = 0;  // for the sentences
};

}  // namespace causeway
