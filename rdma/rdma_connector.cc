#include "rdma/rdma_connector.h"

#include <fcntl.h>
#include <spdlog/spdlog.h>

#include <cerrno>
#include <utility>

#include "engine/path/stream/stream_control_channel.h"
#include "engine/path/tcp/tcp_connector.h"
#include "engine/path/tcp/tcp_stats.h"
#include "rdma/bulk/rdma_bulk_channel.h"
#include "rdma/wire/offer.h"

namespace causeway {
namespace {

// streams_[0] is the control stream, streams_[1 + worker] a worker's.
class RdmaOutboundPath final : public OutboundPath {
 public:
  RdmaOutboundPath(RdmaOptions options, std::vector<RdmaConnection> connections,
                   std::vector<TcpStream> streams, UniqueFd watched)
      : options_(std::move(options)),
        connections_(std::move(connections)),
        streams_(std::move(streams)),
        watched_(std::move(watched)) {}

  std::string name() const override { return "rdma"; }

  Result<std::unique_ptr<ControlChannel>> open_control() override {
    return std::unique_ptr<ControlChannel>(
        std::make_unique<StreamControlChannel>(take(0)));
  }

  Result<std::unique_ptr<BulkChannel>> open_bulk(uint32_t worker) override {
    CAUSEWAY_ASSERT(worker < connections_.size());
    RdmaPosterOptions wanted;
    wanted.stores = options_.stores;
    if (worker < options_.scratch.size()) {
      wanted.scratch = options_.scratch[worker];
    }
    wanted.pinned_bytes_max = options_.pinned_bytes_a_worker();
    CAUSEWAY_ASSIGN(
        auto poster,
        RdmaPoster::open(std::move(connections_[worker]), wanted, tally_));
    return std::unique_ptr<BulkChannel>(std::make_unique<RdmaBulkChannel>(
        std::move(poster), take(size_t{1} + worker), tally_));
  }

  const RdmaTally& tally() const { return tally_; }

  // A round trip as control messages have it.
  PathStats stats() const override {
    return {tcp_stats(watched_.get()).rtt, 0, 0};
  }

 private:
  std::unique_ptr<ByteStream> take(size_t index) {
    CAUSEWAY_ASSERT(index < streams_.size() && streams_[index]);
    return std::make_unique<TcpStream>(std::move(streams_[index]));
  }

  const RdmaOptions options_;
  std::vector<RdmaConnection> connections_;  // by worker, until it is opened
  std::vector<TcpStream> streams_;
  RdmaTally tally_;
  UniqueFd watched_;  // a duplicate of the control stream's, for stats()
};

Result<std::vector<RdmaConnection>> connect_workers(const RdmaOffer& offer,
                                                    const RdmaOptions& options,
                                                    const Deadline& deadline) {
  if (offer.address.empty()) {
    return make_error(ErrorCode::kUnreachable,
                      "the target's verbs device is not there");
  }
  CAUSEWAY_ASSIGN(const auto from,
                  resolve_address(options.device_address, true));
  CAUSEWAY_ASSIGN(const auto to, resolve_address(offer.address, false));
  std::vector<RdmaConnection> connections;
  for (uint16_t worker = 0; worker < options.streams; ++worker) {
    CAUSEWAY_ASSIGN(RdmaConnection one,
                    connect_endpoint(from.front(), to.front(), offer.secret,
                                     worker, options.device_limits, deadline));
    connections.push_back(std::move(one));
  }
  return connections;
}

Result<RdmaOffer> await_offer(TcpStream& control, const RdmaOptions& options,
                              const Deadline& deadline) {
  std::array<std::byte, RdmaOffer::kBytes> bytes;
  CAUSEWAY_TRY(receive_whole(control, bytes, deadline));
  CAUSEWAY_ASSIGN(RdmaOffer offer, decode_offer(bytes));
  if (offer.workers == options.streams) return offer;
  return make_error(ErrorCode::kIncompatible,
                    "the target expects {} RDMA connections, this end opens {}",
                    offer.workers, options.streams);
}

}  // namespace

Result<RdmaPath> RdmaConnector::connect(std::string_view address,
                                        const PathToken& token,
                                        const RdmaOptions& options) {
  TcpConnectOptions tcp;
  tcp.streams = options.streams;
  tcp.timeout = options.timeout;
  tcp.tls = options.tls;
  CAUSEWAY_ASSIGN(auto streams,
                  TcpConnector::connect_streams(address, token, tcp));
  const Deadline deadline(options.timeout);
  CAUSEWAY_ASSIGN(const RdmaOffer offer,
                  await_offer(streams[0], options, deadline));
  auto connections = connect_workers(offer, options, deadline);
  if (!connections && options.required) return std::move(connections).error();
  CAUSEWAY_TRY(send_whole(
      streams[0],
      encode_verdict(connections ? RdmaVerdict::kRdma : RdmaVerdict::kStreams),
      Deadline(options.timeout)));
  if (!connections) {
    spdlog::warn("goes by TCP: {}", connections.error().message);
    CAUSEWAY_ASSIGN(auto plain, TcpConnector::over(std::move(streams)));
    return RdmaPath{std::move(plain), nullptr, connections.error().message};
  }
  UniqueFd watched(::fcntl(streams[0].fd(), F_DUPFD_CLOEXEC, 0));
  if (!watched) return errno_error(errno, "A socket cannot be shared");
  auto path = std::make_unique<RdmaOutboundPath>(
      options, std::move(connections).value(), std::move(streams),
      std::move(watched));
  const RdmaTally* const tally = &path->tally();
  return RdmaPath{std::move(path), tally, {}};
}

}  // namespace causeway
