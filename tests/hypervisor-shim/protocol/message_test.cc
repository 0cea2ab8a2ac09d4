// Every message of the shim protocol there and back, and broken in each byte.
#include "hypervisor-shim/protocol/message.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "hypervisor-shim/protocol/limits.h"

namespace causeway::shim {
namespace {

using testing::HasSubstr;

GuestSpec sample_spec() {
  GuestSpec spec;
  spec.name = "alpha";
  spec.hypervisor = "kvm";
  spec.tracker = "kvm-ring";
  spec.vcpus = 4;
  spec.regions = {{0, RegionKind::kRam, "ram0", 64u << 20, 2u << 20},
                  {1, RegionKind::kDisk, "disk0", 40960, 4096}};
  spec.features = {std::byte{1}, std::byte{2}};
  return spec;
}

std::span<const std::byte> payload_of(const Packet& packet) {
  const auto message = decode_message(packet);
  EXPECT_TRUE(message);
  return message->payload;
}

TEST(MessageTest, HelloThereAndBack) {
  const GuestSpec spec = sample_spec();
  const Packet packet = encode_hello(spec);
  const auto decoded = decode_hello(payload_of(packet));
  ASSERT_TRUE(decoded) << decoded.error().message;
  EXPECT_EQ(decoded->name, spec.name);
  EXPECT_EQ(decoded->hypervisor, spec.hypervisor);
  EXPECT_EQ(decoded->tracker, spec.tracker);
  EXPECT_EQ(decoded->vcpus, spec.vcpus);
  EXPECT_EQ(decoded->regions, spec.regions);
  EXPECT_EQ(decoded->features, spec.features);
}

TEST(MessageTest, LargestHelloFitsAPacket) {
  GuestSpec spec = sample_spec();
  spec.name.assign(kNameBytesMax, 'n');
  spec.features.resize(kFeaturesBytesMax);
  spec.regions.clear();
  for (RegionId id = 0; id < kRegionsMax; ++id) {
    spec.regions.push_back(
        {id, RegionKind::kRam, std::string(kNameBytesMax, 'r'), 4096, 4096});
  }
  const Packet packet = encode_hello(spec);
  EXPECT_LE(packet.size(), kShimMessageBytesMax);
  EXPECT_TRUE(decode_hello(payload_of(packet)));
}

TEST(MessageTest, HelloCutAnywhereIsRefused) {
  const Packet packet = encode_hello(sample_spec());
  const auto payload = payload_of(packet);
  for (size_t size = 0; size < payload.size(); ++size) {
    const auto decoded = decode_hello(payload.first(size));
    ASSERT_FALSE(decoded) << "cut to " << size << " bytes";
    EXPECT_EQ(decoded.error().code, ErrorCode::kPeerBroken);
  }
}

TEST(MessageTest, HelloWithMoreBehindItIsRefused) {
  Packet packet = encode_hello(sample_spec());
  packet.push_back(std::byte{0});
  const auto decoded = decode_hello(payload_of(packet));
  ASSERT_FALSE(decoded);
  EXPECT_THAT(decoded.error().message, HasSubstr("bytes behind its end"));
}

void expect_refused(const GuestSpec& spec, const char* sentence) {
  const Packet packet = encode_hello(spec);
  const auto decoded = decode_hello(payload_of(packet));
  ASSERT_FALSE(decoded) << sentence;
  EXPECT_THAT(decoded.error().message, HasSubstr(sentence));
}

TEST(MessageTest, RegionsOutOfBoundsAreRefused) {
  GuestSpec spec = sample_spec();
  spec.regions[0].page_bytes = 8192;
  expect_refused(spec, "page size is neither 4 KiB nor 2 MiB");
  spec = sample_spec();
  spec.regions[0].bytes = (2u << 20) + 4096;
  expect_refused(spec, "no multiple of its page size");
  spec = sample_spec();
  spec.regions[1].bytes = 0;
  expect_refused(spec, "no multiple of its page size");
  spec = sample_spec();
  spec.regions[1].bytes = kRegionBytesMax + kBlockBytes;
  expect_refused(spec, "size is larger than allowed");
  spec = sample_spec();
  spec.regions[1].kind = static_cast<RegionKind>(3);
  expect_refused(spec, "neither RAM nor disk");
  spec = sample_spec();
  spec.name.assign(kNameBytesMax + 1, 'n');
  expect_refused(spec, "guest name is cut off, or longer");
}

TEST(MessageTest, RegionCountBeyondTheLimitIsRefused) {
  GuestSpec spec = sample_spec();
  spec.regions.clear();
  Packet packet = encode_hello(spec);
  // vcpus, three names, then the count.
  const size_t at = 12 + 4 + (4 + 5) + (4 + 3) + (4 + 8);
  packet[at + 3] = std::byte{0x7f};
  const auto decoded = decode_hello(payload_of(packet));
  ASSERT_FALSE(decoded);
  EXPECT_THAT(decoded.error().message,
              HasSubstr("region count is larger than allowed"));
}

TEST(MessageTest, HeaderIsChecked) {
  const Packet good = encode_empty({MessageType::kPause, 7});
  ASSERT_TRUE(decode_message(good));
  EXPECT_EQ(decode_message(good)->header.type, MessageType::kPause);
  EXPECT_EQ(decode_message(good)->header.sequence, 7u);
  for (size_t size = 0; size < good.size(); ++size)
    EXPECT_FALSE(decode_message(std::span(good).first(size)));
  Packet bad = good;
  bad[0] = std::byte{'X'};
  EXPECT_THAT(decode_message(bad).error().message, HasSubstr("CWSH"));
  bad = good;
  bad[4] = std::byte{2};
  EXPECT_EQ(decode_message(bad).error().code, ErrorCode::kIncompatible);
  bad = good;
  bad[6] = std::byte{11};
  EXPECT_THAT(decode_message(bad).error().message,
              HasSubstr("message type is unknown"));
}

TEST(MessageTest, ErrorKeepsCodeAndSentence) {
  const Error error{ErrorCode::kNoSpace, "the disk is full"};
  const Packet packet = encode_error({MessageType::kError, 3}, error);
  const Error decoded = decode_error(payload_of(packet));
  EXPECT_EQ(decoded.code, ErrorCode::kNoSpace);
  EXPECT_EQ(decoded.message, "the disk is full");
}

TEST(MessageTest, LongSentencesAreCut) {
  const Error error{ErrorCode::kIo, std::string(5000, 's')};
  const Packet packet = encode_error({MessageType::kError, 3}, error);
  EXPECT_EQ(decode_error(payload_of(packet)).message.size(), kSentenceBytesMax);
  const Packet died = encode_died(std::string(5000, 'd'));
  EXPECT_EQ(decode_died(payload_of(died))->size(), kSentenceBytesMax);
}

TEST(MessageTest, SmallPayloadsThereAndBack) {
  const Header header{MessageType::kOk, 1};
  Packet packet = encode_moment(header, Instant(Duration(1'234'567)));
  EXPECT_EQ(*decode_moment(payload_of(packet)), Instant(Duration(1'234'567)));
  packet = encode_version(header, 17);
  EXPECT_EQ(*decode_version(payload_of(packet)), 17u);
  packet = encode_blob_bytes(header, 4711);
  EXPECT_EQ(*decode_blob_bytes(payload_of(packet)), 4711u);
  packet = encode_range(header, {3, 1ull << 33, 64});
  EXPECT_EQ(*decode_range(payload_of(packet)), (BlockRange{3, 1ull << 33, 64}));
  const std::vector<std::byte> features(100, std::byte{5});
  packet = encode_features(header, features);
  EXPECT_EQ(*decode_features(payload_of(packet)), features);
}

TEST(MessageTest, SmallPayloadsAreChecked) {
  const Header header{MessageType::kOk, 1};
  Packet packet = encode_blob_bytes(header, kStateBytesMax + 1);
  EXPECT_THAT(decode_blob_bytes(payload_of(packet)).error().message,
              HasSubstr("state size is larger than allowed"));
  packet = encode_version(header, 1);
  EXPECT_FALSE(decode_empty(payload_of(packet)));
  EXPECT_FALSE(decode_range(payload_of(packet)));
  packet.pop_back();
  EXPECT_FALSE(decode_version(payload_of(packet)));
  packet = encode_moment(header, Instant{});
  packet.push_back(std::byte{0});
  EXPECT_FALSE(decode_moment(payload_of(packet)));
  packet.resize(packet.size() - 2);
  EXPECT_FALSE(decode_moment(payload_of(packet)));
  // No moment is before the clock began, whatever the bits.
  packet = encode_moment(header, Instant(Duration(-1)));
  EXPECT_EQ(*decode_moment(payload_of(packet)), kNever);
  packet = encode_range(header, {0, 0, 1});
  packet[12] = std::byte{kRegionsMax};
  EXPECT_THAT(decode_range(payload_of(packet)).error().message,
              HasSubstr("region id is unknown"));
}

}  // namespace
}  // namespace causeway::shim
