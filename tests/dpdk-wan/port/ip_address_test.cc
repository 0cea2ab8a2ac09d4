#include "dpdk-wan/port/ip_address.h"

#include <gtest/gtest.h>

namespace causeway {
namespace {

TEST(IpAddress, ReadsAndWritesBothFamilies) {
  for (const char* text : {"192.0.2.5", "0.0.0.0", "2001:db8::5", "::"}) {
    const auto address = parse_ip_address(text);
    ASSERT_TRUE(address) << address.error().message;
    EXPECT_EQ(address->text(), text);
  }
  for (const char* text : {"", "192.0.2", "192.0.2.256", "a::g", "host"}) {
    const auto address = parse_ip_address(text);
    ASSERT_FALSE(address) << text;
    EXPECT_NE(address.error().message.find("IP address"), std::string::npos);
  }
}

TEST(IpAddress, GoesToASocketAddressAndBack) {
  for (const char* text : {"192.0.2.5", "2001:db8::5"}) {
    const IpAddress address = parse_ip_address(text).value();
    const SocketAddress socket = to_socket_address(address, 7000);
    EXPECT_EQ(ip_of(socket), address);
    EXPECT_EQ(socket.port(), 7000);
    EXPECT_NE(socket.text().find(text), std::string::npos);
  }
}

TEST(IpAddress, KnowsGroups) {
  for (const char* text :
       {"224.0.0.1", "255.255.255.255", "0.0.0.0", "ff02::1", "::"}) {
    EXPECT_TRUE(parse_ip_address(text).value().is_group_or_none()) << text;
  }
  for (const char* text : {"192.0.2.1", "2001:db8::1", "fe80::1"}) {
    EXPECT_FALSE(parse_ip_address(text).value().is_group_or_none()) << text;
  }
}

TEST(IpPrefix, ContainsWhatItsBitsSay) {
  const IpPrefix v4 = parse_ip_prefix("192.0.2.130/25").value();
  EXPECT_TRUE(v4.contains(parse_ip_address("192.0.2.255").value()));
  EXPECT_TRUE(v4.contains(parse_ip_address("192.0.2.128").value()));
  EXPECT_FALSE(v4.contains(parse_ip_address("192.0.2.127").value()));
  EXPECT_FALSE(v4.contains(parse_ip_address("192.0.3.130").value()));
  EXPECT_FALSE(v4.contains(parse_ip_address("2001:db8::1").value()));
  const IpPrefix v6 = parse_ip_prefix("2001:db8::5/61").value();
  EXPECT_TRUE(v6.contains(parse_ip_address("2001:db8:0:7::1").value()));
  EXPECT_FALSE(v6.contains(parse_ip_address("2001:db8:0:8::1").value()));
  const IpPrefix all = parse_ip_prefix("10.0.0.1/0").value();
  EXPECT_TRUE(all.contains(parse_ip_address("8.8.8.8").value()));
  const IpPrefix one = parse_ip_prefix("10.0.0.1/32").value();
  EXPECT_FALSE(one.contains(parse_ip_address("10.0.0.0").value()));
}

TEST(IpPrefix, RefusesWhatIsNone) {
  for (const char* text :
       {"192.0.2.5", "192.0.2.5/", "192.0.2.5/33", "2001:db8::/129", "/24",
        "192.0.2.5/-1", "192.0.2.5/24x"}) {
    EXPECT_FALSE(parse_ip_prefix(text)) << text;
  }
}

TEST(MacAddress, OfIpv6Groups) {
  const IpAddress node =
      solicited_node(parse_ip_address("2001:db8::1:2345:6789").value());
  EXPECT_EQ(node.text(), "ff02::1:ff45:6789");
  EXPECT_EQ(multicast_mac(node).text(), "33:33:ff:45:67:89");
  EXPECT_TRUE(multicast_mac(node).is_group());
}

}  // namespace
}  // namespace causeway
