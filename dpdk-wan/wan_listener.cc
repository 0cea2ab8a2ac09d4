#include "dpdk-wan/wan_listener.h"

#include "dpdk-wan/link/link_thread.h"
#include "dpdk-wan/packet/udp_packet_io.h"
#include "dpdk-wan/wan_ends.h"
#include "engine/base/assert.h"

namespace causeway {
namespace {

class WanInboundPath final : public InboundPath {
 public:
  WanInboundPath(std::unique_ptr<LinkThread> thread, uint16_t workers)
      : thread_(std::move(thread)),
        peer_(thread_->link().peer()),
        streams_(take_streams(thread_->link(), peer_, workers)) {}

  Result<std::unique_ptr<ControlChannel>> accept_control() override {
    return streams_.take_control();
  }
  Result<std::unique_ptr<BulkReceiver>> accept_bulk(uint32_t worker,
                                                    PutSink& sink) override {
    return streams_.accept_bulk(worker, sink);
  }

  // Answers the hello; an Error when it was not what is expected.
  Status welcome(const WanOptions& options);
  LinkThread& thread() { return *thread_; }

 private:
  std::unique_ptr<LinkThread> thread_;
  std::string peer_;
  PathStreams streams_;
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
  } else if (hello.stream_count != streams_.workers()) {
    welcome.answer = Answer::kOtherStreamCount;
    status = make_error(ErrorCode::kIncompatible,
                        "{} opens {} streams, {} are expected.", peer_,
                        hello.stream_count, streams_.workers());
  } else if (hello.lane != options.lane || hello.lane_count != options.lanes) {
    welcome.answer = Answer::kOtherLane;
    status =
        make_error(ErrorCode::kIncompatible,
                   "{} opens lane {} of {}, lane {} of {} is expected.", peer_,
                   hello.lane, hello.lane_count, options.lane, options.lanes);
  }
  CAUSEWAY_TRY(
      send_whole(streams_.control(), encode_welcome(welcome), options.timeout));
  return status;
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
                                        link_options(options, false));
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
