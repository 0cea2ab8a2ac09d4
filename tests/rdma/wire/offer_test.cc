#include "rdma/wire/offer.h"

#include <gtest/gtest.h>

#include "rdma/limits.h"

namespace causeway {
namespace {

RdmaOffer an_offer() {
  RdmaOffer offer;
  offer.workers = 4;
  offer.secret.fill(std::byte{0x5a});
  offer.addresses = {"[fd00::1]:4711", "", "10.0.0.1:9"};
  return offer;
}

TEST(RdmaOfferTest, ComesBack) {
  const auto back = decode_offer(encode_offer(an_offer()));
  ASSERT_TRUE(back);
  EXPECT_EQ(back->workers, 4u);
  EXPECT_EQ(back->secret, an_offer().secret);
  EXPECT_EQ(back->addresses, an_offer().addresses);
}

TEST(RdmaOfferTest, OthersAreRefused) {
  auto other = encode_offer(an_offer());
  other[0] ^= std::byte{1};
  EXPECT_EQ(decode_offer(other).error().code, ErrorCode::kPeerBroken);
  auto newer = encode_offer(an_offer());
  newer[4] = std::byte{3};
  EXPECT_EQ(decode_offer(newer).error().code, ErrorCode::kIncompatible);
  auto endless = encode_offer(an_offer());
  std::fill(endless.begin() + 44, endless.end(), std::byte{'1'});
  EXPECT_EQ(decode_offer(endless).error().code, ErrorCode::kPeerBroken);
  auto many = encode_offer(an_offer());
  many[40] = std::byte{kRdmaPortsMax + 1};
  EXPECT_EQ(decode_offer(many).error().code, ErrorCode::kPeerBroken);
}

TEST(RdmaOfferTest, AsManyPortsAsThereMayBe) {
  RdmaOffer offer = an_offer();
  offer.addresses.assign(kRdmaPortsMax,
                         std::string(RdmaOffer::kAddressBytesMax, 'a'));
  EXPECT_EQ(decode_offer(encode_offer(offer)).value().addresses,
            offer.addresses);
  offer.addresses.clear();
  EXPECT_TRUE(decode_offer(encode_offer(offer)).value().addresses.empty());
}

TEST(RdmaVerdictTest, IsOneOfTwo) {
  for (const RdmaVerdict verdict :
       {RdmaVerdict::kRdma, RdmaVerdict::kStreams}) {
    EXPECT_EQ(decode_verdict(encode_verdict(verdict)).value(), verdict);
  }
  EXPECT_FALSE(decode_verdict(encode_verdict(static_cast<RdmaVerdict>(3))));
  auto other = encode_verdict(RdmaVerdict::kRdma);
  other[1] ^= std::byte{1};
  EXPECT_FALSE(decode_verdict(other));
}

TEST(RdmaWelcomeTest, ComesBackAlsoPadded) {
  const RdmaWelcome welcome{0x7f00'0000'1000, 0x99, kRdmaStagingBytes, 16,
                            64u << 20};
  const auto bytes = encode_rdma_welcome(welcome);
  std::vector<std::byte> padded(bytes.begin(), bytes.end());
  padded.resize(196);
  for (const auto& said : {std::vector(bytes.begin(), bytes.end()), padded}) {
    const auto back = decode_rdma_welcome(said);
    ASSERT_TRUE(back);
    EXPECT_EQ(back->staging_address, welcome.staging_address);
    EXPECT_EQ(back->staging_key, welcome.staging_key);
    EXPECT_EQ(back->staging_bytes, welcome.staging_bytes);
    EXPECT_EQ(back->messages, 16u);
    EXPECT_EQ(back->pinned_bytes, 64u << 20);
  }
  EXPECT_FALSE(decode_rdma_welcome(std::span(bytes).first(27)));
}

TEST(RdmaWelcomeTest, ClaimsBeyondTheLimitsAreRefused) {
  for (const RdmaWelcome& wrong :
       {RdmaWelcome{1, 1, kRdmaStagingBytes + 4096, 16, 0},
        RdmaWelcome{1, 1, 4096, 16, 0},
        RdmaWelcome{1, 1, kRdmaStagingBytes, 0, 0},
        RdmaWelcome{1, 1, kRdmaStagingBytes, kRdmaMessagesMax + 1, 0}}) {
    EXPECT_FALSE(decode_rdma_welcome(encode_rdma_welcome(wrong)));
  }
}

}  // namespace
}  // namespace causeway
