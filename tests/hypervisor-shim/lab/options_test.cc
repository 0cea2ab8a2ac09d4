#include "hypervisor-shim/lab/options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace causeway::lab {
namespace {

using testing::HasSubstr;

Result<ParsedOptions> parse(std::vector<const char*> extra) {
  std::vector<const char*> argv = {
      "vmm", "--name", "g", "--shim-socket", "s", "--monitor-socket", "m"};
  argv.insert(argv.end(), extra.begin(), extra.end());
  return parse_options(static_cast<int>(argv.size()), argv.data(), "A VMM.");
}

std::string refusal(std::vector<const char*> extra) {
  const auto parsed = parse(std::move(extra));
  if (parsed) return "it was accepted";
  EXPECT_EQ(parsed.error().code, ErrorCode::kInvalidArgument);
  return parsed.error().message;
}

TEST(Options, AllOfThem) {
  const auto parsed = parse({"--memory",     "512M",
                             "--page-size",  "2M",
                             "--vcpus",      "4",
                             "--disk",       "d",
                             "--disk-bytes", "64M",
                             "--workload",   "mixed:50M",
                             "--content",    "zero:0.5",
                             "--used",       "0.25",
                             "--seed",       "7",
                             "--tracker",    "ring",
                             "--cpu-mask",   "avx512f,sha_ni",
                             "--incoming",   "--leash",
                             "--ready-fd",   "5",
                             "--log",        "l"});
  ASSERT_TRUE(parsed) << parsed.error().message;
  const GuestOptions& options = parsed->options;
  EXPECT_EQ(options.name, "g");
  EXPECT_EQ(options.memory_bytes, 512u << 20);
  EXPECT_EQ(options.page_bytes, 2u << 20);
  EXPECT_EQ(options.vcpus, 4u);
  EXPECT_EQ(options.disk_path, "d");
  EXPECT_EQ(options.disk_bytes, 64u << 20);
  EXPECT_EQ(options.workload.kind, GUEST_WORKLOAD_MIXED);
  EXPECT_EQ(options.content.kind, GUEST_CONTENT_SHARES);
  EXPECT_DOUBLE_EQ(options.used_share, 0.25);
  EXPECT_EQ(options.seed, 7u);
  EXPECT_EQ(options.tracker, TrackerKind::kRing);
  EXPECT_EQ(options.cpu_mask, (std::vector<std::string>{"avx512f", "sha_ni"}));
  EXPECT_TRUE(options.incoming);
  EXPECT_TRUE(options.leash);
  EXPECT_EQ(options.ready_fd, 5);
  EXPECT_EQ(options.log_path, "l");
}

TEST(Options, HelpIsAnAnswer) {
  const char* argv[] = {"vmm", "--help"};
  const auto parsed = parse_options(2, argv, "A VMM.");
  ASSERT_TRUE(parsed);
  EXPECT_THAT(parsed->help, HasSubstr("--workload"));
}

TEST(Options, BadOnesAreNamed) {
  EXPECT_THAT(refusal({}), HasSubstr("--memory"));
  EXPECT_THAT(refusal({"--memory", "much"}), HasSubstr("much"));
  EXPECT_THAT(refusal({"--memory", "16777217"}),
              HasSubstr("16777217 is not a multiple of the page size 4096: "
                        "use 16777216 or 16781312"));
  EXPECT_THAT(refusal({"--memory", "17M", "--page-size", "2M"}),
              HasSubstr("page size 2097152"));
  EXPECT_THAT(refusal({"--memory", "4M"}), HasSubstr("8M to 64G"));
  EXPECT_THAT(refusal({"--memory", "128G"}), HasSubstr("8M to 64G"));
  EXPECT_THAT(refusal({"--memory", "16M", "--page-size", "1G"}),
              HasSubstr("use 4K or 2M"));
  EXPECT_THAT(refusal({"--memory", "16M", "--vcpus", "5"}),
              HasSubstr("1 to 4"));
  EXPECT_THAT(refusal({"--memory", "16M", "--vcpus", "0"}),
              HasSubstr("1 to 4"));
  EXPECT_THAT(refusal({"--memory", "16M", "--workload", "disk:1M"}),
              HasSubstr("give --disk FILE"));
  EXPECT_THAT(refusal({"--memory", "16M", "--disk-bytes", "1M"}),
              HasSubstr("without --disk"));
  EXPECT_THAT(
      refusal({"--memory", "16M", "--disk", "d", "--disk-bytes", "1000001"}),
      HasSubstr("not a multiple of 4096"));
  EXPECT_THAT(refusal({"--memory", "16M", "--tracker", "tree"}),
              HasSubstr("bitmap or ring"));
  EXPECT_THAT(refusal({"--memory", "16M", "--used", "2"}), HasSubstr("--used"));
  EXPECT_THAT(refusal({"--memory", "16M", "--colour", "red"}),
              HasSubstr("--colour"));
}

TEST(Options, ReadyFdOfAWrongCommandLine) {
  const char* apart[] = {"vmm", "--bad", "--ready-fd", "7"};
  EXPECT_EQ(find_ready_fd(4, apart), 7);
  const char* joined[] = {"vmm", "--ready-fd=9"};
  EXPECT_EQ(find_ready_fd(2, joined), 9);
  const char* none[] = {"vmm", "--ready-fd"};
  EXPECT_EQ(find_ready_fd(2, none), std::nullopt);
  const char* bad[] = {"vmm", "--ready-fd", "x"};
  EXPECT_EQ(find_ready_fd(3, bad), std::nullopt);
}

}  // namespace
}  // namespace causeway::lab
