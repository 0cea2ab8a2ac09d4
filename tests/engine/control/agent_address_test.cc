#include "engine/control/agent_address.h"

#include <gtest/gtest.h>

namespace causeway {
namespace {

TEST(AgentAddress, HostAndPort) {
  const auto address = parse_agent_address("node7.example:7433");
  ASSERT_TRUE(address);
  EXPECT_EQ(address->host, "node7.example");
  EXPECT_EQ(address->port, 7433);
  EXPECT_FALSE(address->is_unix());
  EXPECT_FALSE(address->is_wildcard());
  EXPECT_EQ(address->text(), "node7.example:7433");
}

TEST(AgentAddress, Ipv6NeedsBrackets) {
  const auto address = parse_agent_address("[fd00::1]:80");
  ASSERT_TRUE(address);
  EXPECT_EQ(address->host, "fd00::1");
  EXPECT_EQ(address->text(), "[fd00::1]:80");
  EXPECT_TRUE(parse_agent_address("[::]:80")->is_wildcard());
  EXPECT_FALSE(parse_agent_address("fd00::1:80"));
}

TEST(AgentAddress, UnixSocket) {
  const auto address = parse_agent_address("unix:/run/agent.sock");
  ASSERT_TRUE(address);
  EXPECT_TRUE(address->is_unix());
  EXPECT_EQ(address->text(), "unix:/run/agent.sock");
  EXPECT_FALSE(parse_agent_address("unix:" + std::string(108, 'x')));
  EXPECT_TRUE(parse_agent_address("unix:" + std::string(107, 'x')));
}

TEST(AgentAddress, WrongOnesAreNamed) {
  for (const char* text : {"", "host", ":1", "host:", "host:x", "host:65536",
                           "host:-1", "unix:", "[]:1", "host:1 "}) {
    const auto address = parse_agent_address(text);
    ASSERT_FALSE(address) << text;
    EXPECT_EQ(address.error().code, ErrorCode::kInvalidArgument);
    EXPECT_NE(address.error().message.find("\"" + std::string(text) + "\""),
              std::string::npos);
  }
}

}  // namespace
}  // namespace causeway
