#include "engine/path/stream/path_streams.h"

#include "engine/base/assert.h"
#include "engine/path/stream/stream_bulk_channel.h"
#include "engine/path/stream/stream_bulk_receiver.h"
#include "engine/path/stream/stream_control_channel.h"

namespace causeway {

PathStreams::PathStreams(std::string path,
                         std::vector<std::unique_ptr<ByteStream>> streams)
    : path_(std::move(path)), streams_(std::move(streams)) {
  CAUSEWAY_ASSERT(!streams_.empty());
}

ByteStream& PathStreams::control() {
  CAUSEWAY_ASSERT(streams_[0] != nullptr);
  return *streams_[0];
}

Result<std::unique_ptr<ControlChannel>> PathStreams::take_control() {
  CAUSEWAY_ASSIGN(auto stream, take(0));
  return std::unique_ptr<ControlChannel>(
      std::make_unique<StreamControlChannel>(std::move(stream)));
}

Result<std::unique_ptr<BulkChannel>> PathStreams::open_bulk(uint32_t worker) {
  CAUSEWAY_ASSIGN(auto stream, take(size_t{1} + worker));
  return std::unique_ptr<BulkChannel>(
      std::make_unique<StreamBulkChannel>(std::move(stream)));
}

Result<std::unique_ptr<BulkReceiver>> PathStreams::accept_bulk(uint32_t worker,
                                                               PutSink& sink) {
  CAUSEWAY_ASSIGN(auto stream, take(size_t{1} + worker));
  return std::unique_ptr<BulkReceiver>(
      std::make_unique<StreamBulkReceiver>(std::move(stream), sink));
}

Result<std::unique_ptr<ByteStream>> PathStreams::take(size_t index) {
  if (index >= streams_.size() || streams_[index] == nullptr) {
    return make_error(ErrorCode::kInvalidArgument,
                      "The {} path has no stream {} left to take (of {}).",
                      path_, index, streams_.size());
  }
  return std::move(streams_[index]);
}

}  // namespace causeway
