#include "rdma/rdma_connector.h"

#include <fcntl.h>

#include <cerrno>
#include <utility>

#include "engine/path/stream/stream_control_channel.h"
#include "engine/path/tcp/tcp_connector.h"
#include "engine/path/tcp/tcp_stats.h"
#include "rdma/bulk/rdma_bulk_channel.h"
#include "rdma/rdma_handshake.h"

namespace causeway {
namespace {

// streams_[0] is the control stream, streams_[1 + worker] a worker's.
class RdmaOutboundPath final : public OutboundPath {
 public:
  RdmaOutboundPath(RdmaOptions options, std::vector<RdmaWorker> workers,
                   std::vector<TcpStream> streams, UniqueFd watched)
      : options_(std::move(options)),
        workers_(std::move(workers)),
        streams_(std::move(streams)),
        watched_(std::move(watched)) {}

  std::string name() const override { return "rdma"; }

  Result<std::unique_ptr<ControlChannel>> open_control() override {
    return std::unique_ptr<ControlChannel>(
        std::make_unique<StreamControlChannel>(take(0)));
  }

  Result<std::unique_ptr<BulkChannel>> open_bulk(uint32_t worker) override {
    CAUSEWAY_ASSERT(worker < workers_.size());
    RdmaWorker& ours = workers_[worker];
    RdmaPosterOptions wanted;
    wanted.stores = options_.stores;
    if (worker < options_.scratch.size()) {
      wanted.scratch = options_.scratch[worker];
    }
    wanted.pinned_bytes_max = options_.pinned_bytes_a_worker();
    auto poster = std::make_unique<RdmaPoster>(
        RdmaConnection{std::move(ours.endpoint), ours.welcome},
        std::move(ours.ring), wanted, tally_);
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
  std::vector<RdmaWorker> workers_;  // until each is opened
  std::vector<TcpStream> streams_;
  RdmaTally tally_;
  UniqueFd watched_;  // a duplicate of the control stream's, for stats()
};

}  // namespace

Result<RdmaPath> RdmaConnector::connect(std::string_view address,
                                        const PathToken& token,
                                        const RdmaOptions& options) {
  CAUSEWAY_ASSIGN(RdmaHandshake agreed,
                  shake_hands_with_target(address, token, options));
  auto& streams = agreed.streams;
  if (agreed.workers.empty()) {
    CAUSEWAY_ASSIGN(auto plain, TcpConnector::over(std::move(streams)));
    return RdmaPath{std::move(plain), nullptr, std::move(agreed.why_not)};
  }
  std::vector<RdmaRoute> routes;
  for (const RdmaWorker& worker : agreed.workers) {
    routes.push_back({worker.endpoint->device(), worker.fabric});
  }
  UniqueFd watched(::fcntl(streams[0].fd(), F_DUPFD_CLOEXEC, 0));
  if (!watched) return errno_error(errno, "A socket cannot be shared");
  auto path = std::make_unique<RdmaOutboundPath>(
      options, std::move(agreed.workers), std::move(streams),
      std::move(watched));
  const RdmaTally* const tally = &path->tally();
  return RdmaPath{std::move(path), tally, {}, std::move(routes)};
}

}  // namespace causeway
