#include "dpdk-wan/wan_listener.h"

#include <algorithm>

#include "dpdk-wan/link/link_thread.h"
#include "dpdk-wan/packet/udp_packet_io.h"
#include "engine/base/assert.h"
#include "engine/path/stream/stream_bulk_receiver.h"
#include "engine/path/stream/stream_control_channel.h"

namespace causeway {
namespace {

class WanInboundPath final : public InboundPath {
 public:
  WanInboundPath(std::unique_ptr<LinkThread> thread, uint16_t streams)
      : thread_(std::move(thread)),
        peer_(thread_->link().peer()),
        control_(thread_->link().take_stream(0, peer_)),
        taken_(streams) {}

  Result<std::unique_ptr<ControlChannel>> accept_control() override {
    if (control_ == nullptr) {
      return make_error(ErrorCode::kInvalidArgument,
                        "The wan path's control stream is taken.");
    }
    return std::unique_ptr<ControlChannel>(
        std::make_unique<StreamControlChannel>(std::move(control_)));
  }

  Result<std::unique_ptr<BulkReceiver>> accept_bulk(uint32_t worker,
                                                    PutSink& sink) override {
    if (worker >= taken_.size() || taken_[worker]) {
      return make_error(ErrorCode::kInvalidArgument,
                        "The wan path has no stream {} left to accept (of {}).",
                        worker, taken_.size());
    }
    taken_[worker] = true;
    return std::unique_ptr<BulkReceiver>(std::make_unique<StreamBulkReceiver>(
        thread_->link().take_stream(static_cast<uint16_t>(1 + worker), peer_),
        sink));
  }

  // Answers the hello; an Error when it was not what is expected.
  Status welcome(const WanOptions& options);
  LinkThread& thread() { return *thread_; }

 private:
  std::unique_ptr<LinkThread> thread_;
  std::string peer_;
  std::unique_ptr<ByteStream> control_;  // until it is accepted
  std::vector<uint8_t> taken_;           // by worker; each has its own thread
};

Status WanInboundPath::welcome(const WanOptions& options) {
  const Hello& hello = thread_->link().hello();
  Welcome welcome;
  Status status;
  if (hello.version != Hello::kVersion) {
    welcome.answer = Answer::kOtherVersion;
    status = make_error(ErrorCode::kIncompatible,
                        "{} speaks version {} of the stream protocol, this "
                        "host version {}: install the same Causeway on both.",
                        peer_, hello.version, Hello::kVersion);
  } else if (hello.stream_count != taken_.size()) {
    welcome.answer = Answer::kOtherStreamCount;
    status = make_error(ErrorCode::kIncompatible,
                        "{} opens {} streams, {} are expected.", peer_,
                        hello.stream_count, taken_.size());
  } else if (hello.lane != options.lane || hello.lane_count != options.lanes) {
    welcome.answer = Answer::kOtherLane;
    status =
        make_error(ErrorCode::kIncompatible,
                   "{} opens lane {} of {}, lane {} of {} is expected.", peer_,
                   hello.lane, hello.lane_count, options.lane, options.lanes);
  }
  CAUSEWAY_TRY(send_whole(*control_, encode_welcome(welcome), options.timeout));
  return status;
}

WanLinkOptions link_options(const WanOptions& options) {
  WanLinkOptions link;
  link.streams = options.streams;
  link.lanes = std::max<uint16_t>(options.lanes, 1);
  link.source = false;
  link.fec = options.fec;
  link.quic.congestion = options.congestion;
  link.quic.payload_bytes = options.payload_bytes;
  link.quic.silence_max = options.silence_max;
  link.quic.handshake_max = kWanHelloWaitMax;
  return link;
}

}  // namespace

Result<WanListener> WanListener::listen(std::string_view address) {
  CAUSEWAY_ASSIGN(auto io, UdpPacketIo::open(address));
  return WanListener(std::move(io));
}

Result<std::unique_ptr<InboundPath>> WanListener::accept(
    const PathToken& token, const WanOptions& options) {
  CAUSEWAY_ASSIGN(Lane lane, accept_lane(token, options));
  return std::move(lane.path);
}

Result<WanListener::Lane> WanListener::accept_lane(const PathToken& token,
                                                   const WanOptions& options) {
  CAUSEWAY_ASSERT(options.streams >= 1 && options.streams <= kStreamsMax);
  CAUSEWAY_ASSERT(io_ != nullptr);
  CAUSEWAY_ASSIGN(auto credentials,
                  QuicCredentials::load(options.files, options.peer_name));
  const std::string here = address();
  auto link = std::make_unique<WanLink>(std::move(io_), std::move(credentials),
                                        link_options(options));
  link->listen(token);
  auto thread = std::make_unique<LinkThread>(std::move(link));
  if (Status opened = thread->await_open(options.timeout, options.cancel_fd);
      !opened) {
    thread->stop();
    return make_error(opened.error().code,
                      "The source did not come to {}: {}.{}", here,
                      opened.error().message, thread->link().last_refusal());
  }
  auto path =
      std::make_unique<WanInboundPath>(std::move(thread), options.streams);
  CAUSEWAY_TRY(path->welcome(options));
  Lane lane;
  lane.thread = &path->thread();
  lane.peer = lane.thread->link().peer();
  lane.path = std::move(path);
  return lane;
}

}  // namespace causeway
