#include "dpdk-wan/quic/quic_retry.h"

#include <gnutls/crypto.h>
#include <ngtcp2/ngtcp2.h>
#include <ngtcp2/ngtcp2_crypto.h>

#include <algorithm>

#include "dpdk-wan/quic/limits.h"
#include "dpdk-wan/quic/ngtcp2_types.h"
#include "engine/base/assert.h"

namespace causeway {
namespace {

QuicId plain(const ngtcp2_cid& id) {
  QuicId plain;
  static_assert(plain.bytes.size() == NGTCP2_MAX_CIDLEN);
  std::copy_n(id.data, id.datalen, plain.bytes.begin());
  plain.length = static_cast<uint8_t>(id.datalen);
  return plain;
}

}  // namespace

QuicRetry::QuicRetry() {
  const int filled = gnutls_rnd(GNUTLS_RND_KEY, key_.data(), key_.size());
  CAUSEWAY_ASSERT(filled == 0);
}

QuicRetry::Verdict QuicRetry::judge(const ReceivedPacket& packet, Instant now,
                                    Origin* origin) const {
  ngtcp2_pkt_hd head;
  if (ngtcp2_accept(&head, octets(packet.payload), packet.payload.size()) !=
      0) {
    return Verdict::kNone;
  }
  if (head.token.len == 0) return Verdict::kUnknown;
  ngtcp2_cid first;
  const int verified = ngtcp2_crypto_verify_retry_token(
      &first, head.token.base, head.token.len, key_.data(), key_.size(),
      head.version, packet.from.get(), packet.from.bytes, &head.dcid,
      ngtcp2_length(kQuicRetryMax), ngtcp2_time(now));
  if (verified != 0) return Verdict::kNone;
  *origin = {plain(first), plain(head.dcid)};
  return Verdict::kProven;
}

size_t QuicRetry::ask(const ReceivedPacket& packet, std::span<std::byte> room,
                      Instant now) const {
  ngtcp2_pkt_hd head;
  if (ngtcp2_accept(&head, octets(packet.payload), packet.payload.size()) !=
      0) {
    return 0;
  }
  ngtcp2_cid given;
  given.datalen = kQuicConnectionIdBytes;
  if (gnutls_rnd(GNUTLS_RND_RANDOM, given.data, given.datalen) != 0) return 0;
  std::array<uint8_t, NGTCP2_CRYPTO_MAX_RETRY_TOKENLEN> token;
  const ngtcp2_ssize sealed = ngtcp2_crypto_generate_retry_token(
      token.data(), key_.data(), key_.size(), head.version, packet.from.get(),
      packet.from.bytes, &given, &head.dcid, ngtcp2_time(now));
  if (sealed < 0) return 0;
  const ngtcp2_ssize wrote = ngtcp2_crypto_write_retry(
      reinterpret_cast<uint8_t*>(room.data()), room.size(), head.version,
      &head.scid, &given, &head.dcid, token.data(),
      static_cast<size_t>(sealed));
  return wrote > 0 ? static_cast<size_t>(wrote) : 0;
}

}  // namespace causeway
