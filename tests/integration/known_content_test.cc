// A guest moves to a host whose content index knows its disk: what it need not
// send, and that nothing the index says can hurt it.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "tests/integration/test_agent.h"

namespace causeway::integration {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using testing::HasSubstr;

constexpr uint64_t kMiB = 1u << 20;
constexpr uint64_t kDiskBytes = 48 * kMiB;
constexpr uint64_t kBlockBytes = 4096;

class KnownContentTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (const std::string why = why_no_kvm(); !why.empty()) GTEST_SKIP() << why;
#ifdef CAUSEWAY_THREAD_SANITIZER
    GTEST_SKIP() << "RocksDB is not built for ThreadSanitizer";
#endif
  }

  // A guest at A that has filled its disk, and a copy of that disk.
  void start_guest(const std::vector<std::string>& more = {}) {
    fs::resize_file(make_file(disk()), kDiskBytes);
    std::vector<std::string> arguments = {
        "--memory", "32M",           "--disk",     disk(),
        "--used",   "0.9",           "--content",  "random",
        "--domain", "tenant of one", "--workload", "hotset:4M,0.05"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const CommandResult ran = a_.run_guest("g", arguments);
    ASSERT_EQ(ran.exit_code, 0) << ran.text();
    ASSERT_TRUE(a_.wait_until_filled("g")) << a_.log();
    fs::copy_file(disk(), image());
  }
  void index(const std::string& domain = "tenant of one") {
    const CommandResult added =
        causeway(folder_, {"index", "add", image(), "--state",
                           b_.state_folder(), "--domain", domain});
    ASSERT_EQ(added.exit_code, 0) << added.text();
  }
  json move(const std::string& dedup) {
    const CommandResult moved =
        causeway(folder_, {"migrate", "g", "--from", a_.address(), "--to",
                           b_.address(), "--dedup", dedup, "--codec",
                           "deflate:1", "--json", folder_.file("report.json")});
    EXPECT_EQ(moved.exit_code, 0) << moved.text() << a_.log() << b_.log();
    const CommandResult checked = b_.guest("check", "g");
    EXPECT_EQ(checked.exit_code, 0) << checked.text();
    const json report =
        json::parse(read_file(folder_.file("report.json")), nullptr, false);
    EXPECT_TRUE(report.value("verified", false));
    EXPECT_EQ(report.value("guest_steps_lost", -1), 0);
    return report;
  }
  // So many files, each to its end.
  bool wait_until_indexed(size_t files) {
    for (int i = 0; i < 400; ++i) {
      const CommandResult stat =
          causeway(folder_, {"index", "stat", "--sources", "--state",
                             b_.state_folder(), "--json", "-"});
      const json seen = json::parse(stat.out, nullptr, false);
      if (seen.is_object() && seen.contains("list")) {
        const json& list = seen.at("list");
        const auto done =
            std::count_if(list.begin(), list.end(), [](const json& source) {
              return source.at("percent_done").get<double>() >= 100;
            });
        if (static_cast<size_t>(done) >= files) return true;
      }
      ::usleep(50'000);
    }
    return false;
  }
  static uint64_t known_bytes(const json& report) {
    return report.at("bytes").at("reference").get<uint64_t>();
  }

  std::string disk() const { return folder_.file("disk.raw"); }
  std::string image() const { return folder_.file("image.raw"); }
  static std::string make_file(const std::string& path) {
    ::close(::open(path.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600));
    return path;
  }

  TestFolder folder_;
  TestAgent a_{folder_, "A"};
  TestAgent b_{folder_, "B"};
};

TEST_F(KnownContentTest, AKnownDiskIsNotSent) {
  start_guest();
  index();
  const json report = move("on");
  EXPECT_GT(known_bytes(report), kDiskBytes * 8 / 10);
  // The RAM is not known, and what the guest wrote meanwhile.
  EXPECT_LT(report.at("bytes").at("wire").get<uint64_t>(), 40 * kMiB);
}

// A backup of the disk with something in front, of an odd number of bytes.
TEST_F(KnownContentTest, ADiskThatLiesInAFileAtAnyByteIsFoundByItsPieces) {
  start_guest();
  const std::string content = read_file(image());
  std::ofstream(image(), std::ios::binary) << std::string(777, 'x') << content;
  const CommandResult added = causeway(
      folder_, {"index", "add", image(), "--pieces", "content", "--state",
                b_.state_folder(), "--domain", "tenant of one"});
  ASSERT_EQ(added.exit_code, 0) << added.text();
  const json report = move("on");
  EXPECT_GT(report.at("bytes").at("pieced").get<uint64_t>(),
            kDiskBytes * 7 / 10);
  EXPECT_LT(known_bytes(report), kMiB);
  EXPECT_LT(report.at("bytes").at("wire").get<uint64_t>(), 44 * kMiB);
}

// Two guests of one evacuation: the second finds what the first has brought.
TEST_F(KnownContentTest, ASiblingsDiskAndMemoryAreFound) {
  b_.stop(SIGTERM);
  TestAgentOptions options;
  options.state_folder = b_.state_folder();
  options.arguments = {"--index-guests"};
  TestAgent other(folder_, "B", options);
  for (const char* guest : {"g1", "g2"}) {
    const CommandResult ran =
        a_.run_guest(guest, {"--memory", "32M", "--disk", "16M", "--seed", "7",
                             "--content", "random", "--workload", "idle"});
    ASSERT_EQ(ran.exit_code, 0) << ran.text();
    ASSERT_TRUE(a_.wait_until_filled(guest)) << a_.log();
  }
  uint64_t known[2] = {};
  for (int i = 0; i < 2; ++i) {
    const std::string guest = i == 0 ? "g1" : "g2";
    const CommandResult moved =
        causeway(folder_, {"migrate", guest, "--from", a_.address(), "--to",
                           other.address(), "--dedup", "on", "--codec",
                           "deflate:1", "--json", folder_.file("report.json")});
    ASSERT_EQ(moved.exit_code, 0) << moved.text() << other.log();
    EXPECT_EQ(other.guest("check", guest).exit_code, 0);
    known[i] = known_bytes(
        json::parse(read_file(folder_.file("report.json")), nullptr, false));
    // Its disk and its memory.
    ASSERT_TRUE(i == 1 || wait_until_indexed(2)) << other.log();
  }
  EXPECT_EQ(known[0], 0u);
  // All of the memory that it fills, 26 MiB. A block of the disk names the step
  // in which it was filled, and few of the two guests have the same.
  EXPECT_GT(known[1], 24 * kMiB);
}

// More than a thousand entries speak of what is there no more.
TEST_F(KnownContentTest, AnImageThatHasChangedCostsBytesAndNoWrongOne) {
  start_guest();
  index();
  const int fd = ::open(image().c_str(), O_RDWR | O_CLOEXEC);
  ASSERT_GE(fd, 0);
  for (uint64_t block = 0; block < kDiskBytes / kBlockBytes; block += 8) {
    const char other = static_cast<char>(block);
    ASSERT_EQ(
        ::pwrite(fd, &other, 1, static_cast<off_t>(block * kBlockBytes + 1000)),
        1);
  }
  ::close(fd);
  const json report = move("on");
  EXPECT_GT(known_bytes(report), kDiskBytes / 2);
  EXPECT_LT(known_bytes(report), kDiskBytes * 9 / 10);
}

TEST_F(KnownContentTest, AnotherDomainsContentIsNotKnown) {
  start_guest();
  index("another tenant");
  const json report = move("on");
  EXPECT_EQ(known_bytes(report), 0u);
  EXPECT_GT(report.at("rounds").at(0).at("asked").get<uint64_t>(), 0u);
}

TEST_F(KnownContentTest, AutoAsksASampleFirst) {
  start_guest();
  index();
  const json report = move("auto");
  EXPECT_THAT(report.value("dedup", ""), HasSubstr("of a sample of"));
}

TEST_F(KnownContentTest, WithoutItsKeyOrItsIndexTheGuestComesAllTheSame) {
  start_guest();
  index();
  fs::remove(b_.state_folder() + "/content.key");
  EXPECT_THAT(move("on").value("dedup", ""), HasSubstr("no content index"));
}

TEST_F(KnownContentTest, AStoreThatIsAwayIsDoneWithoutAndSaid) {
  start_guest();
  index();
  b_.stop(SIGTERM);
  TestAgentOptions options;
  options.state_folder = b_.state_folder();
  options.arguments = {"--index", "redis://127.0.0.1:1"};
  TestAgent other(folder_, "B", options);
  const CommandResult moved =
      causeway(folder_, {"migrate", "g", "--from", a_.address(), "--to",
                         other.address(), "--dedup", "on"});
  EXPECT_EQ(moved.exit_code, 0) << moved.text();
  EXPECT_EQ(other.guest("check", "g").exit_code, 0);
  EXPECT_THAT(other.log(), HasSubstr("comes without the content index"));
}

}  // namespace
}  // namespace causeway::integration
