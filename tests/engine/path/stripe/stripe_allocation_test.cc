// The data path of a striped path allocates nothing once its lanes are open
// (design, rule 4). A binary of its own: it replaces operator new.
#include <gtest/gtest.h>
#include <poll.h>

#include <array>
#include <chrono>
#include <thread>
#include <vector>

#include "engine/base/limits.h"
#include "engine/path/stripe/striped_path.h"
#include "engine/path/tcp/tcp_connector.h"
#include "engine/path/tcp/tcp_listener.h"
#include "engine/runtime/clock.h"
#include "tests/contract/allocation_count.h"

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

struct TcpLane {
  TcpLane() {
    const PathToken token{};
    auto listener = TcpListener::listen("127.0.0.1:0").value();
    std::thread accepting([&] {
      inbound = listener.accept(token, 1, std::chrono::seconds(20), {}).value();
    });
    outbound =
        TcpConnector::connect(listener.address(), token, TcpConnectOptions{1})
            .value();
    accepting.join();
  }
  std::unique_ptr<OutboundPath> outbound;
  std::unique_ptr<InboundPath> inbound;
};

void wait_for_any(const BulkChannel& channel, const BulkReceiver& receiver) {
  WaitSet set;
  const Instant due = std::min(channel.wait_on(set), receiver.wait_on(set));
  if (due <= monotonic_now()) return;
  std::array<pollfd, WaitSet::kFdsMax> fds;
  size_t count = 0;
  for (const WaitSet::Entry& entry : set.entries()) {
    fds[count++] = {entry.fd, entry.events, 0};
  }
  ASSERT_GE(::poll(fds.data(), count, 1000), 0);
}

TEST(StripeAllocation, DataPathAllocatesNothingOnceOpen) {
  std::array<TcpLane, 2> lanes;
  OutboundBoard out_board;
  InboundBoard in_board;
  for (uint32_t i = 0; i < lanes.size(); ++i) {
    out_board.post(i, *lanes[i].outbound);
    in_board.post(i, *lanes[i].inbound);
  }
  StripedOutboundPath outbound(out_board, "tcp", {});
  StripedInboundPath inbound(in_board, {});
  PlainSink sink;
  auto receiver = inbound.accept_bulk(0, sink).value();
  auto channel = outbound.open_bulk(0).value();
  const std::vector<std::byte> payload(kPutBytesMax);
  std::array<Put, 4> puts;
  puts.fill({{PutKind::kRaw, 0, 1, 0, kPutBytesMax / kBlockBytes, kPutBytesMax},
             payload});
  puts[1] = {{PutKind::kZero, 0, 1, 0, 1000, 0}, {}};
  puts[2].head.blocks = 1;
  puts[2].head.payload_bytes = kBlockBytes;
  puts[2].payload = std::span(payload).first(kBlockBytes);

  const uint64_t before = allocations.load();
  uint64_t posted = 0;
  FenceId fence = 0;
  FenceId landed = 0;
  while (landed < 200) {
    posted += channel->post(puts).value();
    if (channel->post_fence(fence + 1).value()) ++fence;
    landed = channel->poll(monotonic_now()).value().fence_landed;
    if (!receiver->poll(monotonic_now()).value()) {
      wait_for_any(*channel, *receiver);
    }
  }
  EXPECT_EQ(allocations.load() - before, 0u);
  EXPECT_GT(posted, 200u);
  EXPECT_GT(sink.landed, 200u);
}

}  // namespace
}  // namespace causeway
