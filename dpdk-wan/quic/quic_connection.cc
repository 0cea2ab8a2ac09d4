#include "dpdk-wan/quic/quic_connection.h"

#include <gnutls/crypto.h>
#include <ngtcp2/ngtcp2.h>
#include <ngtcp2/ngtcp2_crypto.h>

#include <algorithm>
#include <cstring>
#include <optional>

#include "dpdk-wan/quic/loss_meter.h"
#include "dpdk-wan/quic/ngtcp2_types.h"
#include "dpdk-wan/quic/quic_end.h"
#include "dpdk-wan/quic/quic_tls.h"
#include "engine/base/assert.h"

namespace causeway {
namespace {

// Keep-alive packets in the time after which silence is a loss.
constexpr int kKeepAlives = 4;

bool fill_random(uint8_t* into, size_t bytes) {
  return gnutls_rnd(GNUTLS_RND_RANDOM, into, bytes) == 0;
}

ngtcp2_cid random_id() {
  ngtcp2_cid id;
  id.datalen = kQuicConnectionIdBytes;
  const bool filled = fill_random(id.data, id.datalen);
  CAUSEWAY_ASSERT(filled);
  return id;
}

ngtcp2_cid library_id(const QuicId& id) {
  ngtcp2_cid copy;
  ngtcp2_cid_init(&copy, id.bytes.data(), id.length);
  return copy;
}

// The connecting end's bidirectional streams are 0, 4, 8 ... (RFC 9000, 2.1).
int64_t stream_id(uint16_t stream) { return int64_t{4} * stream; }

ngtcp2_cc_algo algorithm(CongestionControl control) {
  switch (control) {
    case CongestionControl::kCubic:
      return NGTCP2_CC_ALGO_CUBIC;
    case CongestionControl::kBbr:
      return NGTCP2_CC_ALGO_BBR;
    case CongestionControl::kBbr2:
      return NGTCP2_CC_ALGO_BBR2;
  }
  return NGTCP2_CC_ALGO_BBR2;
}

}  // namespace

// What ngtcp2 calls back, and what it is called with.
class QuicConnection::Impl {
 public:
  Impl(const QuicCredentials& credentials, const SocketAddress& local,
       const SocketAddress& remote, const QuicOptions& options,
       QuicStreams& streams, bool server)
      : credentials_(credentials),
        local_(local),
        remote_(remote),
        options_(options),
        streams_(&streams),
        server_(server) {
    CAUSEWAY_ASSERT(options.streams >= 1 && options.streams <= kQuicStreamsMax);
  }
  ~Impl() { ngtcp2_conn_del(connection_); }

  Status start_client(Instant now);
  Status start_server(const ReceivedPacket& first, Instant now,
                      const QuicRetry::Origin* origin);

  bool owns(std::span<const std::byte> datagram) const;
  Status read(const ReceivedPacket& packet, Instant now);
  Result<size_t> write(std::span<std::byte> room, uint8_t& ecn, Instant now);
  Status handle_expiry(Instant now);
  size_t write_close(std::span<std::byte> room, bool orderly, Instant now);
  PathStats stats() const;
  void widen(uint16_t stream, uint64_t bytes);
  void consumed(uint16_t stream, uint64_t bytes);
  void refuse(uint16_t stream);
  size_t datagram_bytes_max() const;
  double loss_expected() const { return loss_.expected(); }
  void insist(bool urgent);
  uint64_t congestion_left() const;
  uint64_t window_left(uint16_t stream) const;
  void carry(QuicDatagrams& datagrams) { datagrams_ = &datagrams; }

  ngtcp2_conn* connection() const { return connection_; }
  bool shaken() const {
    return connection_ != nullptr &&
           ngtcp2_conn_get_handshake_completed(connection_) != 0;
  }
  bool confirmed() const { return confirmed_; }
  void hand_to(QuicStreams& streams) { streams_ = &streams; }
  const SocketAddress& remote() const { return remote_; }

 private:
  static Impl& self(void* user) { return *static_cast<Impl*>(user); }
  static ngtcp2_callbacks callbacks(bool server);

  void start_session();
  ngtcp2_settings settings(Instant now) const;
  ngtcp2_transport_params parameters() const;
  ngtcp2_path path() {
    return {ngtcp2_address(local_), ngtcp2_address(remote_), {}};
  }
  void open_streams();
  Error ended(int status);
  ngtcp2_ssize write_offer(const QuicStreams::Offer& offer,
                           std::span<std::byte> room, ngtcp2_pkt_info& info,
                           ngtcp2_ssize& taken, Instant now);
  Result<size_t> write_datagram(std::span<std::byte> room, uint8_t& ecn,
                                Instant now);
  void count_packet(ngtcp2_ssize bytes, ngtcp2_ssize fresh);
  // Whether the offer would take what is kept for the tries.
  bool must_wait(const QuicStreams::Offer& offer) const;

  const QuicCredentials& credentials_;
  SocketAddress local_;
  SocketAddress remote_;
  QuicOptions options_;
  QuicStreams* streams_;
  QuicDatagrams* datagrams_ = nullptr;
  LossMeter loss_;
  bool server_;
  std::optional<QuicTls> tls_;  // once it has begun
  ngtcp2_conn* connection_ = nullptr;
  bool confirmed_ = false;
  bool insists_ = false;
  uint16_t opened_ = 0;  // streams
  QuicStreamSet refused_;
  int end_status_ = 0;  // of ngtcp2, once it has ended
};

ngtcp2_callbacks QuicConnection::Impl::callbacks(bool server) {
  ngtcp2_callbacks calls{};
  if (server) {
    calls.recv_client_initial = ngtcp2_crypto_recv_client_initial_cb;
  } else {
    calls.client_initial = ngtcp2_crypto_client_initial_cb;
    calls.recv_retry = ngtcp2_crypto_recv_retry_cb;
  }
  calls.recv_crypto_data = ngtcp2_crypto_recv_crypto_data_cb;
  calls.encrypt = ngtcp2_crypto_encrypt_cb;
  calls.decrypt = ngtcp2_crypto_decrypt_cb;
  calls.hp_mask = ngtcp2_crypto_hp_mask_cb;
  calls.update_key = ngtcp2_crypto_update_key_cb;
  calls.delete_crypto_aead_ctx = ngtcp2_crypto_delete_crypto_aead_ctx_cb;
  calls.delete_crypto_cipher_ctx = ngtcp2_crypto_delete_crypto_cipher_ctx_cb;
  calls.get_path_challenge_data = ngtcp2_crypto_get_path_challenge_data_cb;
  calls.version_negotiation = ngtcp2_crypto_version_negotiation_cb;
  calls.rand = [](uint8_t* into, size_t bytes, const ngtcp2_rand_ctx*) {
    (void)fill_random(into, bytes);
  };
  calls.get_new_connection_id = [](ngtcp2_conn*, ngtcp2_cid* id, uint8_t* token,
                                   size_t bytes, void*) {
    id->datalen = bytes;
    const bool filled = fill_random(id->data, bytes) &&
                        fill_random(token, NGTCP2_STATELESS_RESET_TOKENLEN);
    return filled ? 0 : NGTCP2_ERR_CALLBACK_FAILURE;
  };
  calls.handshake_completed = [](ngtcp2_conn*, void* user) {
    Impl& impl = self(user);
    if (impl.server_) {
      impl.confirmed_ = true;
    } else {
      impl.open_streams();
    }
    return 0;
  };
  calls.handshake_confirmed = [](ngtcp2_conn*, void* user) {
    self(user).confirmed_ = true;
    return 0;
  };
  calls.extend_max_local_streams_bidi = [](ngtcp2_conn*, uint64_t, void* user) {
    if (self(user).shaken()) self(user).open_streams();
    return 0;
  };
  calls.stream_open = [](ngtcp2_conn*, int64_t id, void* user) {
    Impl& impl = self(user);
    if (id % 4 != 0 || id / 4 >= impl.options_.streams) {
      return static_cast<int>(NGTCP2_ERR_CALLBACK_FAILURE);
    }
    impl.streams_->on_open(static_cast<uint16_t>(id / 4));
    return 0;
  };
  calls.recv_stream_data = [](ngtcp2_conn*, uint32_t flags, int64_t id,
                              uint64_t, const uint8_t* data, size_t bytes,
                              void* user, void*) {
    Impl& impl = self(user);
    const auto stream = static_cast<uint16_t>(id / 4);
    if (bytes > 0 &&
        !impl.streams_->on_bytes(
            stream, {reinterpret_cast<const std::byte*>(data), bytes})) {
      return static_cast<int>(NGTCP2_ERR_CALLBACK_FAILURE);
    }
    if ((flags & NGTCP2_STREAM_DATA_FLAG_FIN) != 0) {
      impl.streams_->on_finished(stream);
    }
    return 0;
  };
  calls.acked_stream_data_offset = [](ngtcp2_conn*, int64_t id, uint64_t offset,
                                      uint64_t bytes, void* user, void*) {
    self(user).streams_->on_acked(static_cast<uint16_t>(id / 4),
                                  offset + bytes);
    return 0;
  };
  // A peer's refusal shows when something is written, or here.
  calls.stream_close = [](ngtcp2_conn*, uint32_t, int64_t id, uint64_t,
                          void* user, void*) {
    self(user).streams_->on_refused(static_cast<uint16_t>(id / 4));
    return 0;
  };
  calls.stream_reset = [](ngtcp2_conn*, int64_t id, uint64_t, uint64_t,
                          void* user, void*) {
    // The answer to a refusal of ours. Nobody of ours gives up otherwise.
    const bool asked = self(user).refused_.test(static_cast<size_t>(id / 4));
    return asked ? 0 : static_cast<int>(NGTCP2_ERR_CALLBACK_FAILURE);
  };
  calls.recv_datagram = [](ngtcp2_conn*, uint32_t, const uint8_t* data,
                           size_t bytes, void* user) {
    QuicDatagrams* datagrams = self(user).datagrams_;
    const bool taken = datagrams == nullptr ||
                       datagrams->on_datagram(
                           {reinterpret_cast<const std::byte*>(data), bytes});
    return taken ? 0 : static_cast<int>(NGTCP2_ERR_CALLBACK_FAILURE);
  };
  calls.ack_datagram = [](ngtcp2_conn*, uint64_t id, void* user) {
    self(user).datagrams_->on_datagram_acked(id);
    return 0;
  };
  calls.lost_datagram = [](ngtcp2_conn*, uint64_t id, void* user) {
    self(user).loss_.lost();
    self(user).datagrams_->on_datagram_lost(id);
    return 0;
  };
  return calls;
}

ngtcp2_settings QuicConnection::Impl::settings(Instant now) const {
  ngtcp2_settings settings;
  ngtcp2_settings_default(&settings);
  settings.initial_ts = ngtcp2_time(now);
  settings.cc_algo = algorithm(options_.congestion);
  settings.handshake_timeout = ngtcp2_length(options_.handshake_max);
  if (options_.payload_bytes != 0) {
    settings.max_tx_udp_payload_size = options_.payload_bytes;
    settings.no_pmtud = 1;
    settings.no_tx_udp_payload_size_shaping = 1;
  } else {
    settings.max_tx_udp_payload_size = kQuicPayloadBytes;
  }
  return settings;
}

ngtcp2_transport_params QuicConnection::Impl::parameters() const {
  ngtcp2_transport_params parameters;
  ngtcp2_transport_params_default(&parameters);
  parameters.initial_max_streams_bidi = server_ ? options_.streams : 0;
  parameters.initial_max_stream_data_bidi_local = kQuicFirstWindowBytes;
  parameters.initial_max_stream_data_bidi_remote = kQuicFirstWindowBytes;
  parameters.initial_max_data = options_.window_bytes;
  parameters.max_idle_timeout = ngtcp2_length(options_.silence_max);
  parameters.disable_active_migration = 1;
  parameters.max_datagram_frame_size = kQuicPayloadBytesMax;
  return parameters;
}

void QuicConnection::Impl::start_session() {
  tls_.emplace(credentials_, server_);
  tls_->serve(connection_);
  ngtcp2_conn_set_keep_alive_timeout(
      connection_, ngtcp2_length(options_.silence_max / kKeepAlives));
}

Status QuicConnection::Impl::start_client(Instant now) {
  const ngtcp2_callbacks calls = callbacks(false);
  const ngtcp2_settings chosen = settings(now);
  const ngtcp2_transport_params wanted = parameters();
  const ngtcp2_cid theirs = random_id();
  const ngtcp2_cid ours = random_id();
  const ngtcp2_path way = path();
  const int made = ngtcp2_conn_client_new(&connection_, &theirs, &ours, &way,
                                          NGTCP2_PROTO_VER_V1, &calls, &chosen,
                                          &wanted, nullptr, this);
  CAUSEWAY_ASSERT(made == 0);
  start_session();
  return {};
}

Status QuicConnection::Impl::start_server(const ReceivedPacket& first,
                                          Instant now,
                                          const QuicRetry::Origin* origin) {
  ngtcp2_pkt_hd head;
  if (ngtcp2_accept(&head, octets(first.payload), first.payload.size()) != 0) {
    return make_error(ErrorCode::kPeerBroken,
                      "{} sent what begins no QUIC connection.",
                      remote_.text());
  }
  const ngtcp2_callbacks calls = callbacks(true);
  ngtcp2_settings chosen = settings(now);
  ngtcp2_transport_params wanted = parameters();
  wanted.original_dcid = head.dcid;
  if (origin != nullptr) {
    wanted.original_dcid = library_id(origin->first);
    wanted.retry_scid = library_id(origin->asked);
    wanted.retry_scid_present = 1;
    chosen.token = head.token;  // the address is proven: no limit on answers
  }
  const ngtcp2_cid ours = random_id();
  const ngtcp2_path way = path();
  const int made = ngtcp2_conn_server_new(&connection_, &head.scid, &ours, &way,
                                          head.version, &calls, &chosen,
                                          &wanted, nullptr, this);
  CAUSEWAY_ASSERT(made == 0);
  start_session();
  return {};
}

void QuicConnection::Impl::open_streams() {
  while (opened_ < options_.streams) {
    int64_t id = 0;
    if (ngtcp2_conn_open_bidi_stream(connection_, &id, nullptr) != 0) return;
    CAUSEWAY_ASSERT(id == stream_id(opened_));
    streams_->on_open(opened_++);
  }
}

bool QuicConnection::Impl::owns(std::span<const std::byte> datagram) const {
  ngtcp2_version_cid named;
  if (ngtcp2_pkt_decode_version_cid(&named, octets(datagram), datagram.size(),
                                    kQuicConnectionIdBytes) != 0) {
    return false;
  }
  const auto is_named = [&](const ngtcp2_cid& id) {
    return id.datalen == named.dcidlen &&
           std::memcmp(id.data, named.dcid, named.dcidlen) == 0;
  };
  if (server_ && is_named(*ngtcp2_conn_get_client_initial_dcid(connection_))) {
    return true;
  }
  std::array<ngtcp2_cid, 32> ours;
  if (ngtcp2_conn_get_num_scid(connection_) > ours.size()) return false;
  const size_t count = ngtcp2_conn_get_scid(connection_, ours.data());
  return std::any_of(ours.begin(), ours.begin() + count, is_named);
}

Status QuicConnection::Impl::read(const ReceivedPacket& packet, Instant now) {
  if (end_status_ != 0) return ended(end_status_);
  ngtcp2_path way{ngtcp2_address(local_), ngtcp2_address(packet.from), nullptr};
  ngtcp2_pkt_info info{};
  info.ecn = packet.ecn;
  const int status =
      ngtcp2_conn_read_pkt(connection_, &way, &info, octets(packet.payload),
                           packet.payload.size(), ngtcp2_time(now));
  // A server that will not go on with this packet's sender says RETRY or
  // DROP_CONN; what cannot be read may be anybody's.
  if (status == 0 || status == NGTCP2_ERR_DISCARD_PKT) return {};
  return ended(status);
}

ngtcp2_ssize QuicConnection::Impl::write_offer(const QuicStreams::Offer& offer,
                                               std::span<std::byte> room,
                                               ngtcp2_pkt_info& info,
                                               ngtcp2_ssize& taken,
                                               Instant now) {
  std::array<ngtcp2_vec, 2> pieces;
  for (size_t i = 0; i < offer.count; ++i) {
    pieces[i] = {static_cast<uint8_t*>(offer.pieces[i].iov_base),
                 offer.pieces[i].iov_len};
  }
  const bool nothing = offer.stream == QuicStreams::Offer::kNothing;
  return ngtcp2_conn_writev_stream(
      connection_, nullptr, &info, reinterpret_cast<uint8_t*>(room.data()),
      room.size(), &taken,
      offer.last ? NGTCP2_WRITE_STREAM_FLAG_FIN : NGTCP2_WRITE_STREAM_FLAG_NONE,
      nothing ? -1 : stream_id(offer.stream), pieces.data(), offer.count,
      ngtcp2_time(now));
}

// A long packet with next to nothing new in it is one that was lost before.
void QuicConnection::Impl::count_packet(ngtcp2_ssize bytes,
                                        ngtcp2_ssize fresh) {
  const size_t longest =
      ngtcp2_conn_get_path_max_tx_udp_payload_size(connection_);
  if (!shaken() || 3 * static_cast<size_t>(bytes) < 2 * longest) return;
  loss_.sent();
  if (2 * fresh < bytes) loss_.lost();
}

// 0: nothing to send, or not at the moment.
Result<size_t> QuicConnection::Impl::write_datagram(std::span<std::byte> room,
                                                    uint8_t& ecn, Instant now) {
  const size_t overhead = std::min(room.size(), kQuicDatagramHeadBytes);
  const QuicDatagrams::Datagram datagram =
      datagrams_->next_datagram(room.size() - overhead);
  if (datagram.bytes.empty()) return size_t{0};
  const ngtcp2_vec piece{const_cast<uint8_t*>(octets(datagram.bytes)),
                         datagram.bytes.size()};
  ngtcp2_pkt_info info{};
  int accepted = 0;
  const ngtcp2_ssize wrote = ngtcp2_conn_writev_datagram(
      connection_, nullptr, &info, reinterpret_cast<uint8_t*>(room.data()),
      room.size(), &accepted, NGTCP2_WRITE_DATAGRAM_FLAG_NONE, datagram.id,
      &piece, 1, ngtcp2_time(now));
  if (wrote < 0) return ended(static_cast<int>(wrote));
  if (wrote > 0) {
    const bool fresh = accepted != 0;
    // Loss of datagrams is told.
    fresh ? loss_.sent() : count_packet(wrote, 0);
  }
  if (accepted != 0) datagrams_->on_datagram_sent(datagram.id, now);
  ecn = static_cast<uint8_t>(info.ecn);
  return static_cast<size_t>(wrote);
}

Result<size_t> QuicConnection::Impl::write(std::span<std::byte> room,
                                           uint8_t& ecn, Instant now) {
  if (end_status_ != 0) return ended(end_status_);
  if (datagrams_ != nullptr && confirmed()) {
    CAUSEWAY_ASSIGN(const size_t bytes, write_datagram(room, ecn, now));
    if (bytes > 0) return bytes;
  }
  QuicStreamSet blocked;
  for (;;) {
    QuicStreams::Offer offer =
        shaken() ? streams_->next_offer(blocked) : QuicStreams::Offer{};
    if (insists_ && must_wait(offer)) offer = {};
    ngtcp2_pkt_info info{};
    ngtcp2_ssize taken = -1;
    const ngtcp2_ssize wrote = write_offer(offer, room, info, taken, now);
    if (wrote == NGTCP2_ERR_STREAM_DATA_BLOCKED ||
        wrote == NGTCP2_ERR_STREAM_SHUT_WR ||
        wrote == NGTCP2_ERR_STREAM_NOT_FOUND) {
      if (wrote != NGTCP2_ERR_STREAM_DATA_BLOCKED) {
        streams_->on_refused(offer.stream);
      }
      blocked.set(offer.stream);
      continue;
    }
    if (wrote < 0) return ended(static_cast<int>(wrote));
    if (taken >= 0 && offer.stream != QuicStreams::Offer::kNothing) {
      streams_->on_sent(offer, static_cast<size_t>(taken));
    }
    count_packet(wrote, taken);
    ecn = static_cast<uint8_t>(info.ecn);
    return static_cast<size_t>(wrote);
  }
}

Status QuicConnection::Impl::handle_expiry(Instant now) {
  if (end_status_ != 0) return ended(end_status_);
  const int status = ngtcp2_conn_handle_expiry(connection_, ngtcp2_time(now));
  if (status == 0) return {};
  return ended(status);
}

Error QuicConnection::Impl::ended(int status) {
  end_status_ = status;
  if (!tls_->refusal().empty()) {
    return make_error(ErrorCode::kPermission, "{}", tls_->refusal());
  }
  ngtcp2_connection_close_error theirs;
  ngtcp2_conn_get_connection_close_error(connection_, &theirs);
  return quic_end_error(status, theirs.error_code, options_.silence_max);
}

size_t QuicConnection::Impl::write_close(std::span<std::byte> room,
                                         bool orderly, Instant now) {
  const auto reason = quic_close_reason(
      end_status_, ngtcp2_conn_get_tls_alert(connection_), orderly);
  if (!reason || ngtcp2_conn_is_in_closing_period(connection_) != 0) return 0;
  ngtcp2_pkt_info info{};
  const ngtcp2_ssize wrote = ngtcp2_conn_write_connection_close(
      connection_, nullptr, &info, reinterpret_cast<uint8_t*>(room.data()),
      room.size(), &*reason, ngtcp2_time(now));
  return wrote > 0 ? static_cast<size_t>(wrote) : 0;
}

PathStats QuicConnection::Impl::stats() const {
  ngtcp2_conn_stat stat;
  ngtcp2_conn_get_conn_stat(connection_, &stat);
  PathStats stats;
  if (stat.first_rtt_sample_ts != UINT64_MAX) {
    stats.rtt = Duration(static_cast<int64_t>(stat.smoothed_rtt));
  }
  stats.delivered_bytes_s = static_cast<double>(stat.delivery_rate_sec);
  stats.loss = loss_.share();
  stats.packets = loss_.packets();
  stats.packets_lost = loss_.packets_lost();
  return stats;
}

size_t QuicConnection::Impl::datagram_bytes_max() const {
  const ngtcp2_transport_params* theirs =
      ngtcp2_conn_get_remote_transport_params(connection_);
  if (theirs == nullptr) return 0;
  const auto packet = std::min<size_t>(
      ngtcp2_conn_get_path_max_tx_udp_payload_size(connection_),
      theirs->max_datagram_frame_size);
  return packet > kQuicDatagramHeadBytes ? packet - kQuicDatagramHeadBytes : 0;
}

// A keep-alive asks for an acknowledgement, and being no probe of ngtcp2's, it
// doubles nothing. What is lost shows as soon as one of them is answered.
void QuicConnection::Impl::insist(bool urgent) {
  if (!urgent && !insists_) return;
  insists_ = urgent;
  Duration after = options_.silence_max / kKeepAlives;
  if (urgent)
    after = std::min(after, std::max(kQuicInsistMin, 2 * stats().rtt));
  ngtcp2_conn_set_keep_alive_timeout(connection_, ngtcp2_length(after));
}

bool QuicConnection::Impl::must_wait(const QuicStreams::Offer& offer) const {
  size_t bytes = 0;
  for (size_t i = 0; i < offer.count; ++i) bytes += offer.pieces[i].iov_len;
  const size_t packet =
      ngtcp2_conn_get_path_max_tx_udp_payload_size(connection_);
  return std::min(bytes, packet) > congestion_left();
}

uint64_t QuicConnection::Impl::congestion_left() const {
  ngtcp2_conn_stat stat;
  ngtcp2_conn_get_conn_stat(connection_, &stat);
  const uint64_t kept = insists_ ? std::min(kQuicInsistRoomBytes,
                                            stat.cwnd / kQuicInsistRoomShare)
                                 : 0;
  const uint64_t used = stat.bytes_in_flight + kept;
  return stat.cwnd > used ? stat.cwnd - used : 0;
}

uint64_t QuicConnection::Impl::window_left(uint16_t stream) const {
  return ngtcp2_conn_get_max_stream_data_left(connection_, stream_id(stream));
}

void QuicConnection::Impl::widen(uint16_t stream, uint64_t bytes) {
  // Of a stream that has ended there is nothing to widen.
  (void)ngtcp2_conn_extend_max_stream_offset(connection_, stream_id(stream),
                                             bytes);
}

void QuicConnection::Impl::consumed(uint16_t stream, uint64_t bytes) {
  widen(stream, bytes);
  ngtcp2_conn_extend_max_offset(connection_, bytes);
}

void QuicConnection::Impl::refuse(uint16_t stream) {
  refused_.set(stream);
  (void)ngtcp2_conn_shutdown_stream_read(connection_, stream_id(stream), 0);
}

QuicConnection::QuicConnection(std::unique_ptr<Impl> impl)
    : impl_(std::move(impl)) {}
QuicConnection::~QuicConnection() = default;

Result<std::unique_ptr<QuicConnection>> QuicConnection::connect(
    const QuicCredentials& credentials, const SocketAddress& local,
    const SocketAddress& remote, const QuicOptions& options,
    QuicStreams& streams, Instant now) {
  auto impl = std::make_unique<Impl>(credentials, local, remote, options,
                                     streams, false);
  CAUSEWAY_TRY(impl->start_client(now));
  return std::unique_ptr<QuicConnection>(new QuicConnection(std::move(impl)));
}

Result<std::unique_ptr<QuicConnection>> QuicConnection::accept(
    const QuicCredentials& credentials, const SocketAddress& local,
    const ReceivedPacket& first, const QuicOptions& options,
    QuicStreams& streams, Instant now, const QuicRetry::Origin* origin) {
  auto impl = std::make_unique<Impl>(credentials, local, first.from, options,
                                     streams, true);
  CAUSEWAY_TRY(impl->start_server(first, now, origin));
  return std::unique_ptr<QuicConnection>(new QuicConnection(std::move(impl)));
}

bool QuicConnection::owns(std::span<const std::byte> datagram) const {
  return impl_->owns(datagram);
}
Status QuicConnection::read(const ReceivedPacket& packet, Instant now) {
  return impl_->read(packet, now);
}
Result<size_t> QuicConnection::write(std::span<std::byte> room, uint8_t& ecn,
                                     Instant now) {
  return impl_->write(room, ecn, now);
}
size_t QuicConnection::burst_bytes() const {
  return ngtcp2_conn_get_send_quantum(impl_->connection());
}
void QuicConnection::burst_sent(Instant now) {
  ngtcp2_conn_update_pkt_tx_time(impl_->connection(), ngtcp2_time(now));
}
Instant QuicConnection::expiry() const {
  const ngtcp2_tstamp at = ngtcp2_conn_get_expiry(impl_->connection());
  return at == UINT64_MAX ? kNever
                          : Instant(Duration(static_cast<int64_t>(at)));
}
Status QuicConnection::handle_expiry(Instant now) {
  return impl_->handle_expiry(now);
}
bool QuicConnection::shaken() const { return impl_->shaken(); }
bool QuicConnection::confirmed() const { return impl_->confirmed(); }
void QuicConnection::hand_to(QuicStreams& streams) { impl_->hand_to(streams); }
void QuicConnection::carry(QuicDatagrams& datagrams) {
  impl_->carry(datagrams);
}
size_t QuicConnection::datagram_bytes_max() const {
  return impl_->datagram_bytes_max();
}
double QuicConnection::loss_expected() const { return impl_->loss_expected(); }
void QuicConnection::insist(bool urgent) { impl_->insist(urgent); }
uint64_t QuicConnection::congestion_left() const {
  return impl_->congestion_left();
}
uint64_t QuicConnection::window_left(uint16_t stream) const {
  return impl_->window_left(stream);
}
void QuicConnection::widen(uint16_t stream, uint64_t bytes) {
  impl_->widen(stream, bytes);
}
void QuicConnection::consumed(uint16_t stream, uint64_t bytes) {
  impl_->consumed(stream, bytes);
}
void QuicConnection::refuse(uint16_t stream) { impl_->refuse(stream); }
size_t QuicConnection::write_close(std::span<std::byte> room, bool orderly,
                                   Instant now) {
  return impl_->write_close(room, orderly, now);
}
const SocketAddress& QuicConnection::remote() const { return impl_->remote(); }
PathStats QuicConnection::stats() const { return impl_->stats(); }

}  // namespace causeway
