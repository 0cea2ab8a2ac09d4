// How a QUIC connection ends: as the Error that its owner gets, and as the
// reason that the peer is given. Pure. For dpdk-wan/quic alone.
#pragma once

#include <ngtcp2/ngtcp2.h>

#include <cstdint>
#include <optional>

#include "engine/base/result.h"
#include "engine/base/time.h"

namespace causeway {

// `status`: what ngtcp2 said when it ended; 0 while it has not. `peer_code`:
// of the peer's CONNECTION_CLOSE, of one that came. The message is to stand
// behind the peer's name.
Error quic_end_error(int status, uint64_t peer_code, Duration silence_max);

// Nothing: the peer knows, or is gone, or was never there. `tls_alert`: of a
// handshake that failed here. `orderly`: of a connection that has not ended,
// and whose peer had all.
std::optional<ngtcp2_connection_close_error> quic_close_reason(
    int status, uint8_t tls_alert, bool orderly);

}  // namespace causeway
