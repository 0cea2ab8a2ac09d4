#include "rdma/rdma_path_listener.h"

#include <utility>

#include "engine/path/stream/stream_control_channel.h"
#include "rdma/bulk/rdma_bulk_receiver.h"
#include "rdma/probe/probe_target.h"
#include "rdma/rdma_handshake.h"

namespace causeway {
namespace {

class RdmaInboundPath final : public InboundPath {
 public:
  RdmaInboundPath(RdmaOptions options, std::vector<RdmaWorker> workers,
                  std::vector<TcpStream> streams)
      : options_(std::move(options)),
        workers_(std::move(workers)),
        streams_(std::move(streams)) {}

  Result<std::unique_ptr<ControlChannel>> accept_control() override {
    return std::unique_ptr<ControlChannel>(
        std::make_unique<StreamControlChannel>(take(0)));
  }

  Result<std::unique_ptr<BulkReceiver>> accept_bulk(uint32_t worker,
                                                    PutSink& sink) override {
    CAUSEWAY_ASSERT(worker < workers_.size());
    RdmaWorker& ours = workers_[worker];
    std::unique_ptr<ByteStream> stream = take(size_t{1} + worker);
    ours.endpoint->set_peer(stream->peer());
    RdmaTakerOptions wanted;
    wanted.stores = options_.stores;
    wanted.pinned_bytes_max = options_.pinned_bytes_a_worker();
    auto taker = std::make_unique<RdmaTaker>(
        std::move(ours.endpoint), std::move(ours.ring), sink, wanted);
    return std::unique_ptr<BulkReceiver>(std::make_unique<RdmaBulkReceiver>(
        std::move(taker), std::move(stream), sink));
  }

 private:
  std::unique_ptr<ByteStream> take(size_t index) {
    CAUSEWAY_ASSERT(index < streams_.size() && streams_[index]);
    return std::make_unique<TcpStream>(std::move(streams_[index]));
  }

  const RdmaOptions options_;
  std::vector<RdmaWorker> workers_;  // until each is taken
  std::vector<TcpStream> streams_;
};

}  // namespace

struct RdmaPathListener::Ends {
  TcpListener streams;
  Result<RdmaListener> device;
};

RdmaPathListener::RdmaPathListener(std::unique_ptr<Ends> ends)
    : ends_(std::move(ends)) {}
RdmaPathListener::RdmaPathListener(RdmaPathListener&&) noexcept = default;
RdmaPathListener& RdmaPathListener::operator=(RdmaPathListener&&) noexcept =
    default;
RdmaPathListener::~RdmaPathListener() = default;

std::string RdmaPathListener::address() const {
  return ends_->streams.address();
}

Result<RdmaPathListener> RdmaPathListener::listen(std::string_view address,
                                                  const RdmaOptions& options) {
  auto device = RdmaListener::listen(options.device_addresses);
  if (!device && options.required) return std::move(device).error();
  CAUSEWAY_ASSIGN(TcpListener streams, TcpListener::listen(address));
  return RdmaPathListener(
      std::make_unique<Ends>(Ends{std::move(streams), std::move(device)}));
}

Result<std::unique_ptr<InboundPath>> RdmaPathListener::accept(
    const PathToken& token, const RdmaOptions& options) {
  CAUSEWAY_ASSIGN(
      RdmaHandshake agreed,
      shake_hands_with_source(ends_->streams, std::move(ends_->device), token,
                              options));
  if (agreed.workers.empty()) {
    return TcpListener::over(std::move(agreed.streams));
  }
  return std::unique_ptr<InboundPath>(std::make_unique<RdmaInboundPath>(
      options, std::move(agreed.workers), std::move(agreed.streams)));
}

Result<std::unique_ptr<Stepper>> RdmaPathListener::accept_probe(
    const PathToken& token, const RdmaOptions& options) {
  CAUSEWAY_ASSERT(options.streams == 1 && options.required);
  RdmaOptions readable = options;
  readable.staging_readable = true;
  CAUSEWAY_ASSIGN(
      RdmaHandshake agreed,
      shake_hands_with_source(ends_->streams, std::move(ends_->device), token,
                              readable));
  if (agreed.workers.empty()) {
    return make_error(ErrorCode::kUnreachable,
                      "the source of the probe does not come by RDMA");
  }
  return std::unique_ptr<Stepper>(
      std::make_unique<RdmaProbeTarget>(std::move(agreed)));
}

}  // namespace causeway
