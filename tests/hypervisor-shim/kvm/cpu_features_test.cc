#include "hypervisor-shim/kvm/cpu_features.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/base/bytes.h"
#include "hypervisor-shim/kvm/kvm_device.h"

namespace causeway::kvm {
namespace {

using testing::HasSubstr;
using testing::Not;

struct Leaf {
  uint32_t function, index, flags, eax, ebx, ecx, edx;
};

// Features of a made-up CPU.
CpuFeatures features_of(std::vector<Leaf> leaves) {
  ByteWriter out;
  out.put(static_cast<uint32_t>(leaves.size()));
  for (const Leaf& leaf : leaves) {
    for (const uint32_t word : {leaf.function, leaf.index, leaf.flags, leaf.eax,
                                leaf.ebx, leaf.ecx, leaf.edx}) {
      out.put(word);
    }
  }
  auto features = CpuFeatures::parse(out.take());
  EXPECT_TRUE(features);
  return std::move(*features);
}

constexpr Leaf kVendorA = {0, 0, 0, 13, 1, 2, 3};
constexpr Leaf kVendorB = {0, 0, 0, 13, 1, 2, 4};
constexpr uint32_t kIndexed = KVM_CPUID_FLAG_SIGNIFCANT_INDEX;

TEST(CpuFeatures, MissingOnesAreNamed) {
  const auto guest = features_of({kVendorA,
                                  {1, 0, 0, 0, 0, 1u << 28 | 1u << 25, 0},
                                  {7, 0, kIndexed, 0, 1u << 16, 0, 1u << 1}});
  const auto host = features_of(
      {kVendorA, {1, 0, 0, 0, 0, 1u << 28, 0}, {7, 0, kIndexed, 0, 0, 0, 0}});
  const Status fits = host.check_covers(guest);
  ASSERT_FALSE(fits);
  EXPECT_EQ(fits.error().code, ErrorCode::kIncompatible);
  EXPECT_THAT(fits.error().message,
              HasSubstr("aes, avx512f, cpuid 0x7.0 edx bit 1"));
  EXPECT_THAT(fits.error().message, Not(HasSubstr("avx,")));
  EXPECT_TRUE(guest.check_covers(host));
  EXPECT_TRUE(guest.check_covers(guest));
}

TEST(CpuFeatures, WhatFollowsTheGuestsOwnStateIsNoFeature) {
  const auto guest =
      features_of({kVendorA, {1, 0, 0, 0, 99u << 24, 1u << 27, 0}});
  const auto host = features_of({kVendorA, {1, 0, 0, 0, 0, 0, 0}});
  EXPECT_TRUE(host.check_covers(guest));
}

TEST(CpuFeatures, AnotherVendorIsIncompatible) {
  const auto fits =
      features_of({kVendorB}).check_covers(features_of({kVendorA}));
  ASSERT_FALSE(fits);
  EXPECT_EQ(fits.error().code, ErrorCode::kIncompatible);
}

TEST(CpuFeatures, BytesThatCannotBeBelieved) {
  const auto good = features_of({kVendorA, kVendorB}).serialize();
  for (size_t bytes = 0; bytes < good.size(); ++bytes) {
    const auto cut = CpuFeatures::parse(std::span(good).first(bytes));
    ASSERT_FALSE(cut) << bytes;
    EXPECT_EQ(cut.error().code, ErrorCode::kPeerBroken);
  }
  auto more = good;
  more.push_back(std::byte{0});
  EXPECT_FALSE(CpuFeatures::parse(more));
  auto many = good;
  many[3] = std::byte{0xff};
  EXPECT_FALSE(CpuFeatures::parse(many));
}

TEST(CpuFeatures, AMaskedFeatureIsHidden) {
  const auto device = KvmDevice::open();
  if (!device) GTEST_SKIP() << device.error().message;
  const auto all = CpuFeatures::of_host(device->fd(), {});
  ASSERT_TRUE(all) << all.error().message;
  const auto masked = CpuFeatures::of_host(device->fd(), {"cx16"});
  ASSERT_TRUE(masked);
  EXPECT_TRUE(all->check_covers(*masked));
  const Status fits = masked->check_covers(*all);
  ASSERT_FALSE(fits);
  EXPECT_THAT(fits.error().message, HasSubstr("may use: cx16;"));
  const auto wrong = CpuFeatures::of_host(device->fd(), {"warp_drive"});
  ASSERT_FALSE(wrong);
  EXPECT_THAT(wrong.error().message, HasSubstr("'warp_drive'"));
}

TEST(CpuFeatures, StateComponentsGoWithTheirInstructions) {
  const auto device = KvmDevice::open();
  if (!device) GTEST_SKIP() << device.error().message;
  const auto masked = CpuFeatures::of_host(device->fd(), {"avx"});
  ASSERT_TRUE(masked);
  EXPECT_FALSE(masked->has_avx());
  EXPECT_EQ(masked->xcr0() & 0xe4, 0u);
  const auto bare = CpuFeatures::of_host(device->fd(), {"xsave"});
  ASSERT_TRUE(bare);
  EXPECT_FALSE(bare->has_avx());
  EXPECT_EQ(bare->xcr0(), 1u);
}

}  // namespace
}  // namespace causeway::kvm
