// The data path of tcp allocates nothing once it is open (design, rule 4).
// A binary of its own: it replaces operator new.
#include <gtest/gtest.h>
#include <openssl/crypto.h>
#include <poll.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <thread>
#include <vector>

#include "engine/base/limits.h"
#include "engine/path/tcp/tcp_connector.h"
#include "engine/path/tcp/tcp_listener.h"
#include "tests/contract/allocation_count.h"
#include "tests/engine/path/tcp/test_certificates.h"

namespace causeway {
namespace {

class PlainSink final : public PutSink {
 public:
  Result<std::span<std::byte>> begin(const PutHead& head) override {
    return std::span(place_).first(head.payload_bytes);
  }
  Status end(const PutHead&) override {
    ++landed;
    return {};
  }
  Status written(const PutHead& head) override { return end(head); }
  uint64_t landed = 0;

 private:
  std::vector<std::byte> place_ = std::vector<std::byte>(kPutBytesMax);
};

// What OpenSSL holds. It makes and frees some small objects a record; it must
// not hold more of them as the stream goes on. Set before its first call.
std::atomic<int64_t> openssl_holds{0};
const bool counts_openssl =
    CRYPTO_set_mem_functions(
        [](size_t bytes, const char*, int) {
          openssl_holds.fetch_add(1);
          return std::malloc(bytes);
        },
        [](void* memory, size_t bytes, const char*, int) {
          if (memory == nullptr) openssl_holds.fetch_add(1);
          return std::realloc(memory, bytes);
        },
        [](void* memory, const char*, int) {
          if (memory != nullptr) openssl_holds.fetch_sub(1);
          std::free(memory);
        }) == 1;

void expect_no_allocation(const std::optional<TlsOptions>& source,
                          const std::optional<TlsOptions>& target) {
  const PathToken token{};
  auto listener = TcpListener::listen("127.0.0.1:0").value();
  std::unique_ptr<InboundPath> inbound;
  std::thread accepting([&] {
    inbound =
        listener.accept(token, 1, std::chrono::seconds(20), target).value();
  });
  TcpConnectOptions options{1};
  options.tls = source;
  auto outbound =
      TcpConnector::connect(listener.address(), token, options).value();
  accepting.join();
  PlainSink sink;
  auto receiver = inbound->accept_bulk(0, sink).value();
  auto channel = outbound->open_bulk(0).value();
  const std::vector<std::byte> payload(kPutBytesMax);
  std::array<Put, 4> puts;
  puts.fill({{PutKind::kRaw, 0, 1, 0, kPutBytesMax / kBlockBytes, kPutBytesMax},
             payload});
  puts[1] = {{PutKind::kZero, 0, 1, 0, 1000, 0}, {}};
  puts[2].head.blocks = 1;
  puts[2].head.payload_bytes = kBlockBytes;
  puts[2].payload = std::span(payload).first(kBlockBytes);

  const uint64_t before = allocations.load();
  const int64_t held_before = openssl_holds.load();
  uint64_t posted = 0;
  FenceId fence = 0;
  FenceId landed = 0;
  while (landed < 50) {
    posted += channel->post(puts).value();
    if (channel->post_fence(fence + 1).value()) ++fence;
    landed = channel->poll({}).value().fence_landed;
    const bool moved = receiver->poll({}).value();
    WaitSet set;
    (void)channel->wait_on(set);
    (void)receiver->wait_on(set);
    if (moved) continue;
    std::array<pollfd, 2> waiting{
        {{set.entries()[0].fd, set.entries()[0].events, 0},
         {set.entries()[1].fd, set.entries()[1].events, 0}}};
    ASSERT_GT(::poll(waiting.data(), waiting.size(), 20'000), 0);
  }
  EXPECT_EQ(allocations.load() - before, 0u);
  EXPECT_LE(openssl_holds.load(), held_before);
  EXPECT_GT(posted, 50u);
  EXPECT_GT(sink.landed, 50u);
}

TEST(TcpAllocation, DataPathAllocatesNothingOnceOpen) {
  expect_no_allocation({}, {});
}

TEST(TcpAllocation, NorDoesOursInsideTlsAndOpenSslHoldsNoMore) {
  ASSERT_TRUE(counts_openssl);
  const TestCertificates certificates;
  expect_no_allocation(certificates.options("a", "b"),
                       certificates.options("b", "a"));
}

}  // namespace
}  // namespace causeway
