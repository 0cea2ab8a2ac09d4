#include "tools/agent/metrics_server.h"

#include <httplib.h>

#include <thread>

#include "engine/control/agent_address.h"

namespace causeway {
namespace {

// A scraper asks every few seconds; whoever opens more waits.
constexpr size_t kThreads = 2;
constexpr size_t kRequestBytesMax = 4096;
constexpr int kTimeoutS = 5;

}  // namespace

struct MetricsServer::Impl {
  httplib::Server server;
  std::string address;
  std::thread thread;
};

MetricsServer::MetricsServer(std::unique_ptr<Impl> impl)
    : impl_(std::move(impl)) {}

Result<std::unique_ptr<MetricsServer>> MetricsServer::listen(
    const std::string& address, std::function<std::string()> text) {
  CAUSEWAY_ASSIGN(AgentAddress where, parse_agent_address(address));
  if (where.is_unix()) {
    return make_error(ErrorCode::kInvalidArgument,
                      "metrics are served over TCP: give HOST:PORT, not {}",
                      address);
  }
  auto impl = std::make_unique<Impl>();
  httplib::Server& server = impl->server;
  server.new_task_queue = [] { return new httplib::ThreadPool(kThreads); };
  server.set_payload_max_length(kRequestBytesMax);
  server.set_read_timeout(kTimeoutS);
  server.set_write_timeout(kTimeoutS);
  server.set_keep_alive_max_count(1);
  server.Get("/metrics", [text = std::move(text)](const httplib::Request&,
                                                  httplib::Response& reply) {
    reply.set_content(text(), "text/plain; version=0.0.4");
  });
  int port = where.port;
  if (port == 0) {
    port = server.bind_to_any_port(where.host);
  } else if (!server.bind_to_port(where.host, port)) {
    port = -1;
  }
  if (port < 0) {
    return make_error(ErrorCode::kUnreachable,
                      "cannot serve metrics on {}; the port is taken or the "
                      "address is not of this host",
                      address);
  }
  where.port = static_cast<uint16_t>(port);
  impl->address = where.text();
  impl->thread =
      std::thread([raw = impl.get()] { raw->server.listen_after_bind(); });
  return std::unique_ptr<MetricsServer>(new MetricsServer(std::move(impl)));
}

MetricsServer::~MetricsServer() {
  // stop() before the loop runs would not be heard.
  while (!impl_->server.is_running()) std::this_thread::yield();
  impl_->server.stop();
  impl_->thread.join();
}

const std::string& MetricsServer::address() const { return impl_->address; }

}  // namespace causeway
