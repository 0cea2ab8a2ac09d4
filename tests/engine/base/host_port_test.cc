#include "engine/base/host_port.h"

#include <gtest/gtest.h>

namespace causeway {
namespace {

TEST(HostPort, ANameOrAnAddressAndAPort) {
  const auto name = parse_host_port("node7.example:7433");
  ASSERT_TRUE(name);
  EXPECT_EQ(name->host, "node7.example");
  EXPECT_EQ(name->port, 7433);
  EXPECT_EQ(name->text(), "node7.example:7433");
  EXPECT_EQ(parse_host_port("10.0.0.1:0").value().port, 0);
  EXPECT_EQ(parse_host_port("10.0.0.1:65535").value().port, 65535);
}

TEST(HostPort, Ipv6HasBrackets) {
  const auto address = parse_host_port("[fd00::1]:80");
  ASSERT_TRUE(address);
  EXPECT_EQ(address->host, "fd00::1");
  EXPECT_EQ(address->text(), "[fd00::1]:80");
}

TEST(HostPort, SaysWhatIsWrong) {
  const auto fault = [](const std::string& text) {
    const auto parsed = parse_host_port(text);
    EXPECT_FALSE(parsed) << text;
    if (parsed) return std::string();
    EXPECT_EQ(parsed.error().code, ErrorCode::kInvalidArgument);
    return parsed.error().message;
  };
  EXPECT_EQ(fault(""), "it has no port");
  EXPECT_EQ(fault("host"), "it has no port");
  for (const char* text : {":1", "[]:1", "fd00::1:80", "[[::1]]:1", "[::1:1"}) {
    EXPECT_EQ(fault(text), "the host is not clear") << text;
  }
  EXPECT_EQ(fault(fmt::format("{:x<254}:1", "")), "the host is not clear");
  EXPECT_TRUE(parse_host_port(fmt::format("{:x<253}:1", "")));
  for (const char* text :
       {"host:", "host:x", "host:65536", "host:-1", "host:1 ", "host:+1"}) {
    EXPECT_EQ(fault(text), "the port is no number from 0 to 65535") << text;
  }
}

}  // namespace
}  // namespace causeway
