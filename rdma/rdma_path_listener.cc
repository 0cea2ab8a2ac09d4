#include "rdma/rdma_path_listener.h"

#include <spdlog/spdlog.h>
#include <sys/random.h>

#include <cerrno>
#include <utility>

#include "engine/path/stream/stream_control_channel.h"
#include "rdma/bulk/rdma_bulk_receiver.h"
#include "rdma/verbs/rendezvous.h"
#include "rdma/wire/offer.h"

namespace causeway {
namespace {

// A source that has been let in; what it sends waits until somebody takes it.
struct Admitted {
  std::unique_ptr<RdmaEndpoint> endpoint;
  StagingRing staging;
};

Result<Admitted> admit(RdmaListener& listener, const RdmaSecret& secret,
                       uint16_t worker, const RdmaOptions& options,
                       const TcpStream& control, const Deadline& deadline) {
  Admitted admitted;
  CAUSEWAY_ASSIGN(admitted.endpoint,
                  listener.await(secret, worker, options.device_limits,
                                 control.fd(), deadline));
  CAUSEWAY_ASSIGN(
      admitted.staging,
      StagingRing::open(*admitted.endpoint, options.staging_bytes,
                        IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_WRITE));
  const RdmaWelcome welcome{
      admitted.staging.address(), admitted.staging.remote_key(),
      admitted.staging.bytes(), admitted.endpoint->depths().messages,
      options.pinned_bytes_a_worker()};
  CAUSEWAY_TRY(RdmaListener::accept(*admitted.endpoint, welcome, deadline));
  return admitted;
}

class RdmaInboundPath final : public InboundPath {
 public:
  RdmaInboundPath(RdmaOptions options, std::vector<Admitted> admitted,
                  std::vector<TcpStream> streams)
      : options_(std::move(options)),
        admitted_(std::move(admitted)),
        streams_(std::move(streams)) {}

  Result<std::unique_ptr<ControlChannel>> accept_control() override {
    return std::unique_ptr<ControlChannel>(
        std::make_unique<StreamControlChannel>(take(0)));
  }

  Result<std::unique_ptr<BulkReceiver>> accept_bulk(uint32_t worker,
                                                    PutSink& sink) override {
    CAUSEWAY_ASSERT(worker < admitted_.size());
    Admitted& admitted = admitted_[worker];
    std::unique_ptr<ByteStream> stream = take(size_t{1} + worker);
    admitted.endpoint->set_peer(stream->peer());
    RdmaTakerOptions wanted;
    wanted.stores = options_.stores;
    wanted.pinned_bytes_max = options_.pinned_bytes_a_worker();
    auto taker =
        std::make_unique<RdmaTaker>(std::move(admitted.endpoint),
                                    std::move(admitted.staging), sink, wanted);
    return std::unique_ptr<BulkReceiver>(std::make_unique<RdmaBulkReceiver>(
        std::move(taker), std::move(stream), sink));
  }

 private:
  std::unique_ptr<ByteStream> take(size_t index) {
    CAUSEWAY_ASSERT(index < streams_.size() && streams_[index]);
    return std::make_unique<TcpStream>(std::move(streams_[index]));
  }

  const RdmaOptions options_;
  std::vector<Admitted> admitted_;  // by worker, until it is taken
  std::vector<TcpStream> streams_;
};

// Offers, and lets the workers in as they come.
Result<std::vector<Admitted>> admit_all(Result<RdmaListener> listener,
                                        TcpStream& control,
                                        const RdmaOptions& options,
                                        const Deadline& deadline) {
  RdmaOffer offer;
  offer.workers = options.streams;
  if (listener) offer.address = listener->address();
  if (::getrandom(offer.secret.data(), offer.secret.size(), 0) !=
      static_cast<ssize_t>(offer.secret.size())) {
    return errno_error(errno, "getrandom");
  }
  CAUSEWAY_TRY(send_whole(control, encode_offer(offer), deadline));
  if (!listener) return std::move(listener).error();
  std::vector<Admitted> admitted;
  for (uint16_t worker = 0; worker < options.streams; ++worker) {
    CAUSEWAY_ASSIGN(Admitted one, admit(*listener, offer.secret, worker,
                                        options, control, deadline));
    admitted.push_back(std::move(one));
  }
  return admitted;
}

Result<RdmaVerdict> await_verdict(TcpStream& control,
                                  const Deadline& deadline) {
  std::array<std::byte, kRdmaVerdictBytes> bytes;
  CAUSEWAY_TRY(receive_whole(control, bytes, deadline));
  return decode_verdict(bytes);
}

}  // namespace

Result<RdmaPathListener> RdmaPathListener::listen(std::string_view address,
                                                  const RdmaOptions& options) {
  auto device = RdmaListener::listen(options.device_address);
  if (!device && options.required) return std::move(device).error();
  CAUSEWAY_ASSIGN(TcpListener streams, TcpListener::listen(address));
  return RdmaPathListener(std::move(streams), std::move(device));
}

Result<std::unique_ptr<InboundPath>> RdmaPathListener::accept(
    const PathToken& token, const RdmaOptions& options) {
  CAUSEWAY_ASSIGN(auto streams,
                  streams_.accept_streams(token, options.streams,
                                          options.timeout, options.tls));
  const Deadline deadline(options.timeout);
  auto admitted = admit_all(std::move(device_), streams[0], options, deadline);
  if (!admitted && options.required) return std::move(admitted).error();
  CAUSEWAY_ASSIGN(const RdmaVerdict verdict,
                  await_verdict(streams[0], deadline));
  if (verdict == RdmaVerdict::kStreams) {
    if (!admitted) spdlog::warn("comes by TCP: {}", admitted.error().message);
    return TcpListener::over(std::move(streams));
  }
  if (!admitted) return std::move(admitted).error();
  return std::unique_ptr<InboundPath>(std::make_unique<RdmaInboundPath>(
      options, std::move(admitted).value(), std::move(streams)));
}

}  // namespace causeway
