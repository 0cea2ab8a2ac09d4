#include "dpdk-wan/port/device_name.h"

#include <gtest/gtest.h>

namespace causeway {
namespace {

TEST(DeviceName, APciAddressHasItsDomain) {
  for (const char* text : {"0000:03:00.0", "03:00.0"}) {
    const auto device = parse_device_name(text, 1500);
    ASSERT_TRUE(device) << device.error().message;
    EXPECT_TRUE(device->is_pci);
    EXPECT_EQ(device->name, "0000:03:00.0");
    EXPECT_EQ(device->arguments, "0000:03:00.0");
  }
  const auto device = parse_device_name("0000:03:00.1,dv_flow_en=0", 1500);
  ASSERT_TRUE(device) << device.error().message;
  EXPECT_EQ(device->name, "0000:03:00.1");
  EXPECT_EQ(device->arguments, "0000:03:00.1,dv_flow_en=0");
}

TEST(DeviceName, FillsInTheRingsOfAfPacket) {
  const auto plain = parse_device_name("net_af_packet0,iface=eth1", 1500);
  ASSERT_TRUE(plain) << plain.error().message;
  EXPECT_FALSE(plain->is_pci);
  EXPECT_EQ(plain->name, "net_af_packet0");
  EXPECT_EQ(plain->interface, "eth1");
  EXPECT_EQ(plain->arguments,
            "net_af_packet0,iface=eth1,framesz=2048,blocksz=65536,"
            "framecnt=2048,qdisc_bypass=1");
  const auto jumbo = parse_device_name("net_af_packet1,iface=eth1", 9000);
  ASSERT_TRUE(jumbo) << jumbo.error().message;
  EXPECT_NE(jumbo->arguments.find("framesz=10240,blocksz=40960"),
            std::string::npos);
}

TEST(DeviceName, LeavesWhatItIsTold) {
  const auto told = parse_device_name(
      "net_af_packet0,framecnt=64,iface=eth1,qdisc_bypass=0", 1500);
  ASSERT_TRUE(told) << told.error().message;
  EXPECT_EQ(told->interface, "eth1");
  EXPECT_EQ(told->arguments,
            "net_af_packet0,framecnt=64,iface=eth1,qdisc_bypass=0,"
            "framesz=2048,blocksz=65536");
  EXPECT_EQ(parse_device_name("net_memif0,id=1", 1500)->arguments,
            "net_memif0,id=1");
}

TEST(DeviceName, RefusesWhatIsNoDevice) {
  for (const char* text : {"", "eth0", "net_", "0000:03:00", "g000:03:00.0",
                           "net_af_packet0", "net_af_packet0,iface="}) {
    const auto device = parse_device_name(text, 1500);
    ASSERT_FALSE(device) << text;
    EXPECT_NE(device.error().message.find("net_af_packet0,iface=eth1"),
              std::string::npos);
  }
}

TEST(FrameRoom, HoldsTheMtu) {
  EXPECT_EQ(frame_room_bytes(1500), 2048u);
  for (const uint32_t mtu : {1280u, 1900u, 2048u, 9000u, 9600u}) {
    EXPECT_GE(frame_room_bytes(mtu), mtu + 18);
  }
}

}  // namespace
}  // namespace causeway
