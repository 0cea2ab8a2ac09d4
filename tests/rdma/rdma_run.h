// RdmaRunTest: guest RAM at both ends of an rdma path, and a run over it,
// driven by hand: one thread is both ends' worker.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <memory>
#include <random>
#include <string>

#include "tests/rdma/guest_ram.h"
#include "tests/rdma/rdma_lab.h"

namespace causeway {

inline constexpr uint64_t kMiB = 1u << 20;
inline constexpr uint64_t kPutBlocks = kPutBytesMax / kBlockBytes;

// Takes what a device has written as landed, and counts what came by copy.
class RamSink final : public PutSink {
 public:
  explicit RamSink(GuestRam& ram) : ram_(ram) {}
  Result<std::span<std::byte>> begin(const PutHead& head) override {
    return ram_.memory().subspan(head.first_block * kBlockBytes,
                                 head.payload_bytes);
  }
  Status end(const PutHead& head) override {
    copied_bytes += head.payload_bytes;
    blocks += head.blocks;
    return {};
  }
  Status written(const PutHead& head) override {
    blocks += head.blocks;
    return {};
  }
  uint64_t blocks = 0;
  uint64_t copied_bytes = 0;

 private:
  GuestRam& ram_;
};

class RdmaRunTest : public testing::Test {
 protected:
  void open(uint64_t bytes, uint64_t pinned_bytes_max,
            const DeviceLimits& device_limits = {}) {
    source_ = std::make_unique<GuestRam>(bytes);
    target_ = std::make_unique<GuestRam>(bytes);
    sink_ = std::make_unique<RamSink>(*target_);
    RdmaLabShape shape;
    shape.device_limits = device_limits;
    shape.pinned_bytes_max = pinned_bytes_max;
    shape.source_stores = {source_->store.get()};
    shape.target_stores = {target_->store.get()};
    lab_ = std::make_unique<RdmaLab>(PathLabOptions{}, shape);
    channel_ = lab_->outbound().open_bulk(0).value();
    receiver_ = lab_->inbound().accept_bulk(0, *sink_).value();
  }

  void drive(const std::function<bool()>& enough) {
    while (!enough()) {
      auto progress = channel_->poll(lab_->now());
      ASSERT_TRUE(progress) << progress.error().message;
      const bool moved = progress->wire_bytes != progress_.wire_bytes ||
                         progress->puts_released != progress_.puts_released;
      progress_ = *progress;
      auto received = receiver_->poll(lab_->now());
      ASSERT_TRUE(received) << received.error().message;
      if (moved || *received || enough()) continue;
      WaitSet set;
      const Instant until =
          std::min(channel_->wait_on(set), receiver_->wait_on(set));
      ASSERT_TRUE(lab_->wait(set, until)) << "nothing will ever happen";
    }
  }
  void post(const Put& put) {
    for (;;) {
      const auto taken = channel_->post(std::span(&put, 1));
      ASSERT_TRUE(taken) << taken.error().message;
      if (*taken == 1) return;
      const uint64_t before = progress_.puts_released;
      drive([&] { return progress_.puts_released > before; });
      if (HasFatalFailure()) return;
    }
  }
  void fence() {
    ++fence_;
    while (!channel_->post_fence(fence_).value()) {
      const uint64_t before = progress_.puts_released;
      drive([&] { return progress_.puts_released > before; });
    }
    drive([&] { return progress_.fence_landed >= fence_; });
  }
  void post_all(uint64_t first, uint64_t blocks, Version version) {
    for (uint64_t at = first; at < first + blocks; at += kPutBlocks) {
      post(
          source_->put(at, std::min(kPutBlocks, first + blocks - at), version));
      if (HasFatalFailure()) return;
    }
  }
  void expect_same() {
    EXPECT_EQ(std::memcmp(source_->memory().data(), target_->memory().data(),
                          source_->bytes),
              0);
  }

  const uint64_t seed_ = std::random_device{}();
  testing::ScopedTrace trace_{__FILE__, __LINE__, std::to_string(seed_)};
  std::unique_ptr<GuestRam> source_;
  std::unique_ptr<GuestRam> target_;
  std::unique_ptr<RamSink> sink_;
  std::unique_ptr<RdmaLab> lab_;
  std::unique_ptr<BulkChannel> channel_;
  std::unique_ptr<BulkReceiver> receiver_;
  ChannelProgress progress_;
  FenceId fence_ = 0;
};

}  // namespace causeway
