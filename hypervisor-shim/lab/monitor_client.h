// MonitorClient: asks a lab VMM's monitor (monitor.h has the commands).
#pragma once

#include <chrono>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "engine/base/result.h"
#include "engine/base/unique_fd.h"

namespace causeway::lab {

class MonitorClient {
 public:
  // kUnreachable: no VMM listens there.
  static Result<MonitorClient> connect(const std::string& path);

  // Sends one request and waits for its answer, which is an object. An answer
  // {"ok":false,"code",..} becomes the Error; one without "code" is a result
  // ("check" that found a fault). After kTimeout or kConnectionLost the
  // client is of no more use.
  Result<nlohmann::json> call(const nlohmann::json& request,
                              std::chrono::milliseconds timeout);

 private:
  explicit MonitorClient(UniqueFd fd) : fd_(std::move(fd)) {}

  UniqueFd fd_;
};

}  // namespace causeway::lab
