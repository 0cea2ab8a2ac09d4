// VirtualLink: the loopback path, a link of nothing but memory in virtual
// time. Time is the argument of poll() and receive(); nothing happens between
// two calls, so a simulator jumps from event to event.
//
//   outbound ──► [ forward line: rate, one-way delay, FIFO ] ──► inbound
//            ◄── [ backward line: the same, for answers    ] ◄──
//
// A put departs when the line has sent all that was posted before it on any
// channel, arrives whole one delay later and lands in the first poll() of its
// receiver at or after that time. Payloads are copied when they are posted and
// released when they have departed, as a socket's would be.
//
// One thread drives everything. The link outlives the ends it gave out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>

#include "engine/base/time.h"
#include "engine/path/path.h"

namespace causeway {

struct VirtualLinkOptions {
  double rate_bytes_s = 1.25e9;  // of each line, > 0
  Duration one_way_delay{0};
  // What one channel may have posted that has not departed; a larger put is
  // still taken when nothing else is queued.
  size_t queue_bytes = 1u << 20;
};

class VirtualLink {
 public:
  explicit VirtualLink(const VirtualLinkOptions& options);
  ~VirtualLink();

  // The two ends; each may be taken more than once (they share channels).
  std::unique_ptr<OutboundPath> outbound();
  std::unique_ptr<InboundPath> inbound();

  // Posts and sends have no time of their own: they count from the latest
  // time that any end was given, or that was said here.
  void advance(Instant now);

  // From now on every call of either end returns kConnectionLost; what was
  // under way is gone.
  void cut();

  // Of each line, for what is posted from now on.
  void set_rate(double rate_bytes_s);

  // While it is held, nothing departs and nothing arrives: a link that fell
  // silent. What was under way comes when it is let go.
  void hold(bool held);

  // Called for each put as it is posted, on the link's own copy: flips bits,
  // forges heads. An empty function ends it.
  using Tamper = std::function<void(PutHead&, std::span<std::byte>)>;
  void set_tamper(Tamper tamper);

  struct State;

 private:
  std::unique_ptr<State> state_;
};

}  // namespace causeway
