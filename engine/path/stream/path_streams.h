// PathStreams: the byte streams that a path has at one end, each to be taken
// once: the first for control, then one a worker.
//
// A worker's stream may be taken on the worker's own thread; all else is the
// thread's that opened the path.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "engine/base/result.h"
#include "engine/path/path.h"
#include "engine/path/stream/byte_stream.h"

namespace causeway {

class PathStreams {
 public:
  // At least the control stream. `path`: "tcp", for the sentences.
  PathStreams(std::string path,
              std::vector<std::unique_ptr<ByteStream>> streams);

  // For what the ends say to each other before it is taken.
  ByteStream& control();
  uint16_t workers() const {
    return static_cast<uint16_t>(streams_.size() - 1);
  }

  // kInvalidArgument: it was taken before, or there is no such worker.
  Result<std::unique_ptr<ControlChannel>> take_control();
  Result<std::unique_ptr<BulkChannel>> open_bulk(uint32_t worker);
  Result<std::unique_ptr<BulkReceiver>> accept_bulk(uint32_t worker,
                                                    PutSink& sink);

 private:
  Result<std::unique_ptr<ByteStream>> take(size_t index);

  std::string path_;
  std::vector<std::unique_ptr<ByteStream>> streams_;  // nullptr: taken
};

}  // namespace causeway
