#include "engine/base/units.h"

#include <fmt/core.h>
#include <gtest/gtest.h>

#include <limits>

namespace causeway {
namespace {

using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::milliseconds;

TEST(Units, SizesArePowersOf1024) {
  EXPECT_EQ(parse_bytes("0").value(), 0u);
  EXPECT_EQ(parse_bytes("4096").value(), 4096u);
  EXPECT_EQ(parse_bytes("4K").value(), 4096u);
  EXPECT_EQ(parse_bytes("512M").value(), 512ull << 20);
  EXPECT_EQ(parse_bytes("512MiB").value(), 512ull << 20);
  EXPECT_EQ(parse_bytes("512MB").value(), 512ull << 20);
  EXPECT_EQ(parse_bytes("1.5g").value(), 3ull << 29);
  EXPECT_EQ(parse_bytes("64T").value(), 1ull << 46);
  EXPECT_EQ(parse_bytes("2P").value(), 1ull << 51);
}

TEST(Units, WrongSizesAreNamed) {
  for (const char* text :
       {"", "M", "-1M", "1Q", "1MM", "1 M", "0x10", "nan", "inf", "1e3", "12iB",
        "99999P", "0.0001K", "1000000000000000000000000000000000000"}) {
    const auto result = parse_bytes(text);
    ASSERT_FALSE(result) << text;
    EXPECT_EQ(result.error().code, ErrorCode::kInvalidArgument);
    EXPECT_NE(result.error().message.find(fmt::format("\"{}\"", text)),
              std::string::npos)
        << result.error().message;
  }
}

TEST(Units, Rates) {
  EXPECT_EQ(parse_rate("50M").value(), 50ull << 20);
  EXPECT_EQ(parse_rate("50M/s").value(), 50ull << 20);
  EXPECT_FALSE(parse_rate("0"));
  EXPECT_FALSE(parse_rate("50M/h"));
  EXPECT_FALSE(parse_rate("/s"));
}

TEST(Units, Durations) {
  EXPECT_EQ(parse_duration("30ms").value(), milliseconds(30));
  EXPECT_EQ(parse_duration("1.5s").value(), milliseconds(1500));
  EXPECT_EQ(parse_duration("200us").value(), microseconds(200));
  EXPECT_EQ(parse_duration("100ns").value(), Duration(100));
  EXPECT_EQ(parse_duration("2h").value(), hours(2));
  for (const char* text : {"", "30", "ms", "-1s", "3 s", "3000h", "1d"}) {
    EXPECT_FALSE(parse_duration(text)) << text;
  }
}

TEST(Units, Written) {
  EXPECT_EQ(format_bytes(0), "0");
  EXPECT_EQ(format_bytes(1023), "1023");
  EXPECT_EQ(format_bytes(1024), "1K");
  EXPECT_EQ(format_bytes((1ull << 20) - 1), "1M");
  EXPECT_EQ(format_bytes(512ull << 20), "512M");
  EXPECT_EQ(format_bytes(3ull << 29), "1.5G");
  EXPECT_EQ(format_bytes(std::numeric_limits<uint64_t>::max()), "16384P");
  EXPECT_EQ(format_rate(0), "0/s");
  EXPECT_EQ(format_rate(std::numeric_limits<double>::quiet_NaN()), "0/s");
  EXPECT_EQ(format_rate(50.0 * (1 << 20)), "50M/s");
  EXPECT_EQ(format_duration(microseconds(250)), "250 us");
  EXPECT_EQ(format_duration(microseconds(3400)), "3.4 ms");
  EXPECT_EQ(format_duration(milliseconds(1200)), "1.2 s");
  EXPECT_EQ(format_duration(std::chrono::seconds(125)), "2 min 5 s");
}

TEST(Units, WhatIsWrittenReadsBack) {
  for (uint64_t bytes : {1ull, 1000ull, 4096ull, 3ull << 29, 5ull << 40}) {
    EXPECT_EQ(parse_bytes(format_bytes(bytes)).value(), bytes);
  }
}

}  // namespace
}  // namespace causeway
