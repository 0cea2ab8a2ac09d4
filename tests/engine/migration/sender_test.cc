#include "engine/migration/sender.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <memory>
#include <vector>

#include "engine/guest/ram_store.h"

namespace causeway {
namespace {

// A channel that is always free, and in whose poll() another sender spends
// from the pacer that both share.
class SharingChannel final : public BulkChannel {
 public:
  explicit SharingChannel(Pacer& pacer) : pacer_(pacer) {}
  Result<size_t> post(std::span<const Put> puts) override {
    return puts.size();
  }
  Result<bool> post_fence(FenceId) override { return true; }
  Result<ChannelProgress> poll(Instant now) override {
    if (other_spends) pacer_.spend(now, 1'000'000);
    return ChannelProgress{};
  }
  ChannelLimits limits() const override { return {}; }
  void set_urgent(bool) override {}
  Instant wait_on(WaitSet&) const override { return kNever; }

  bool other_spends = false;

 private:
  Pacer& pacer_;
};

std::vector<std::unique_ptr<BlockStore>> one_region() {
  const UniqueFd file(::memfd_create("sender", MFD_CLOEXEC));
  RegionInfo info;
  info.name = "region";
  info.bytes = kBlockBytes;
  EXPECT_EQ(::ftruncate(file.get(), static_cast<off_t>(info.bytes)), 0);
  std::vector<std::unique_ptr<BlockStore>> stores;
  stores.push_back(RamStore::open(info, file.get()).value());
  return stores;
}

// The last look at the pacer must be the one that sets the alarm: between two
// looks another worker may use up what there was.
TEST(Sender, WakesWhenAnotherSenderTookItsTurn) {
  Pacer pacer(1'000'000);
  SharingChannel channel(pacer);
  GuestImage image(one_region(), 1);
  std::vector<std::byte> scratch(Sender::kScratchBytes);
  const Notifier session_wake;
  Sender sender(channel, image, pacer, scratch, session_wake);
  const Instant now(std::chrono::seconds(5));
  EXPECT_EQ(sender.step(now), kNever);  // nothing to send
  channel.other_spends = true;
  SendWork fence;
  fence.fence = 1;
  ASSERT_TRUE(sender.submit(fence));
  const Instant wake = sender.step(now);
  EXPECT_GT(wake, now);
  EXPECT_LE(wake, now + std::chrono::seconds(1));
}

}  // namespace
}  // namespace causeway
