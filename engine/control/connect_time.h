// The round trip to a host: how long its kernel takes to accept a connection.
// Not the time of a call: that has the other end's threads in it, which on a
// busy host answer after more than the distance takes (a call over loopback
// took 5 ms and more on two processors with a load of 6, a connection 0.1).
#pragma once

#include <string>

#include "engine/base/result.h"
#include "engine/base/time.h"

namespace causeway {

// The shortest of three. `address`: "HOST:PORT", where something listens. Any
// thread; blocks. kUnreachable, kTimeout (kConnectTimeoutMs).
Result<Duration> connect_time(const std::string& address);

}  // namespace causeway
