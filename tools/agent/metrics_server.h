// MetricsServer: GET /metrics over HTTP, on a thread of its own.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "engine/base/result.h"

namespace causeway {

class MetricsServer {
 public:
  // `address`: HOST:PORT (0: a free one). `text` is called on the server's
  // threads, for each request.
  static Result<std::unique_ptr<MetricsServer>> listen(
      const std::string& address, std::function<std::string()> text);
  ~MetricsServer();
  MetricsServer(const MetricsServer&) = delete;
  MetricsServer& operator=(const MetricsServer&) = delete;

  const std::string& address() const;

 private:
  struct Impl;
  explicit MetricsServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace causeway
