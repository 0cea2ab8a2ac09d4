// `causeway index` as an operator runs it, over both kinds of index that last:
// a folder, and a Redis cluster of three servers that the test starts.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <random>

#include "tests/engine/content/redis_servers.h"
#include "tests/integration/command.h"
#include "tests/integration/processes.h"

namespace causeway::integration {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr uint64_t kMiB = 1u << 20;

// Where the index lies; the three servers live as long as the program.
enum class Kind { kFolder, kRedis };

std::string name_of(const testing::TestParamInfo<Kind>& info) {
  return info.param == Kind::kFolder ? "Folder" : "Redis";
}

Result<RedisServers*> servers() {
  static std::unique_ptr<RedisServers> started;
  if (!started) {
    CAUSEWAY_ASSIGN(started, RedisServers::start());
  }
  return started.get();
}

class IndexTest : public testing::TestWithParam<Kind> {
 protected:
  void SetUp() override {
    const char* seed = std::getenv("CAUSEWAY_SEED");
    seed_ = seed != nullptr ? std::strtoull(seed, nullptr, 10)
                            : std::random_device{}();
    random_.seed(seed_);
    fmt::print("CAUSEWAY_SEED={}\n", seed_);
    fs::create_directory(images());
    if (GetParam() == Kind::kRedis) {
      const auto running = servers();
      if (!running && running.error().code == ErrorCode::kUnreachable) {
        GTEST_SKIP() << running.error().message;
      }
      ASSERT_TRUE(running) << running.error().message;
      static int prefixes = 0;
      location_ = (*running)->location("it-" + std::to_string(++prefixes));
      return;
    }
#ifdef CAUSEWAY_THREAD_SANITIZER
    GTEST_SKIP() << "RocksDB is not built for ThreadSanitizer";
#endif
  }

  std::string images() const { return folder_.file("images"); }
  std::string image(const std::string& name) const {
    return images() + "/" + name;
  }
  std::string state() const { return folder_.file("state"); }

  // `command` and options first, then paths.
  std::vector<std::string> arguments(
      const std::vector<std::string>& command) const {
    std::vector<std::string> all{"index"};
    all.insert(all.end(), command.begin(), command.end());
    all.insert(all.end(), {"--state", state()});
    if (!location_.empty()) all.insert(all.end(), {"--index", location_});
    return all;
  }
  CommandResult index(const std::vector<std::string>& command) const {
    return causeway(folder_, arguments(command));
  }
  json report(std::vector<std::string> command) const {
    command.insert(command.end(), {"--json", "-"});
    const CommandResult ran = index(command);
    EXPECT_EQ(ran.exit_code, 0) << ran.text();
    const json parsed = json::parse(ran.out, nullptr, false);
    EXPECT_TRUE(parsed.is_object()) << ran.text();
    return parsed.is_object() ? parsed : json::object();
  }
  uint64_t blocks() const { return report({"stat"}).value("blocks", 0u); }

  // No two blocks of it are the same, and none is zero.
  void write(const std::string& name, uint64_t offset, uint64_t bytes) {
    const UniqueFd fd(
        ::open(image(name).c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    std::vector<uint64_t> words(kMiB / 8);
    for (uint64_t at = 0; at < bytes; at += kMiB) {
      for (uint64_t& word : words) word = random_();
      const uint64_t count = std::min(kMiB, bytes - at);
      ASSERT_EQ(::pwrite(fd.get(), words.data(), count,
                         static_cast<off_t>(offset + at)),
                static_cast<ssize_t>(count));
    }
  }

  uint64_t seed_ = 0;
  std::mt19937_64 random_;
  TestFolder folder_;
  std::string location_;
};

INSTANTIATE_TEST_SUITE_P(, IndexTest,
                         testing::Values(Kind::kFolder, Kind::kRedis), name_of);

TEST_P(IndexTest, KnowsTheContentOfFilesWithoutZeros) {
  write("a", 0, 8 * kMiB);
  // A hole, data, written zeros, and half a block at its end.
  write("b", 16 * kMiB, 2 * kMiB);
  std::ofstream(image("b"), std::ios::in | std::ios::ate)
      << std::string(kMiB, '\0') << std::string(2048, 'x');
  const json added = report({"add", images()});
  EXPECT_EQ(added.value("files", 0u), 2u);
  EXPECT_EQ(added.value("indexed_bytes", 0u), 10 * kMiB);
  EXPECT_EQ(added.value("zero_bytes", 0u), 17 * kMiB);
  EXPECT_EQ(added.value("total_bytes", 0u), 27 * kMiB + 2048);
  const json stat = report({"stat", "--sources"});
  EXPECT_EQ(stat.value("blocks", 0u), 10 * kMiB / 4096);
  EXPECT_EQ(stat.value("sources", 0u), 2u);
  ASSERT_EQ(stat.at("list").size(), 2u);
  for (const json& source : stat.at("list")) {
    EXPECT_EQ(source.value("percent_done", 0.0), 100.0);
  }
  const json verified = report({"verify"});
  EXPECT_EQ(verified.value("read_blocks", 0u), 10 * kMiB / 4096);
  EXPECT_EQ(verified.value("stale_blocks", 1u), 0u);
  // A second time nothing is read.
  const json again = report({"add", images()});
  EXPECT_EQ(again.value("unchanged", 0u), 2u);
  EXPECT_EQ(again.value("indexed_bytes", 1u), 0u);
  EXPECT_EQ(report({"add", "--again", images()}).value("indexed_bytes", 0u),
            10 * kMiB);
}

TEST_P(IndexTest, FindsWhatIsStaleAndDropsIt) {
  for (const char* name : {"same", "some", "most", "gone"}) {
    write(name, 0, 4 * kMiB);
  }
  report({"add", images()});
  write("some", 0, kMiB);
  write("most", 0, 3 * kMiB);
  fs::remove(image("gone"));
  const json kept = report({"verify", "--keep"});
  EXPECT_EQ(kept.value("stale_blocks", 0u), 8 * kMiB / 4096);
  EXPECT_EQ(kept.at("dropped"), json({image("gone"), image("most")}))
      << kept.dump();
  EXPECT_EQ(report({"stat"}).value("sources", 0u), 4u);
  const json sample = report({"verify", "--keep", "--share", "25"});
  EXPECT_NEAR(sample.value("read_blocks", 0.0), 1024, 150);
  EXPECT_NEAR(sample.value("stale_blocks", 0.0), 512, 120);
  report({"verify"});
  EXPECT_EQ(report({"stat"}).value("sources", 0u), 2u);
  // What has changed is indexed anew, what is unchanged is not read.
  const json added = report({"add", images()});
  EXPECT_EQ(added.value("unchanged", 0u), 1u);
  EXPECT_EQ(added.value("indexed_bytes", 0u), 8 * kMiB);
  const json verified = report({"verify"});
  EXPECT_EQ(verified.value("stale_blocks", 1u), 0u) << verified.dump();
  EXPECT_EQ(verified.value("read_blocks", 0u), 12 * kMiB / 4096);
}

TEST_P(IndexTest, GoesOnWhereItWasStopped) {
#ifndef CAUSEWAY_STOP_POINTS
  GTEST_SKIP() << "a release build has no stop points";
#endif
  constexpr uint64_t kBytes = 128 * kMiB;
  write("a", 0, kBytes);
  // Ctrl-C, then a kill.
  ::setenv("CAUSEWAY_STOP_AT", "index.chunk@3", 1);
  {
    RunningCommand first(folder_,
                         arguments({"add", image("a"), "--workers", "1"}));
    ASSERT_TRUE(eventually([&] { return state_of(first.pid()) == 'T'; }));
    first.signal(SIGINT);
    first.signal(SIGCONT);
    const CommandResult stopped = first.wait();
    EXPECT_EQ(stopped.exit_code, 14) << stopped.text();
    EXPECT_NE(stopped.err.find("goes on from there"), std::string::npos);
  }
  const uint64_t after_first = blocks();
  EXPECT_GE(after_first, 3 * 1024u);
  {
    RunningCommand second(folder_,
                          arguments({"add", image("a"), "--workers", "1"}));
    ASSERT_TRUE(eventually([&] {
      const char state = state_of(second.pid());
      return state == 'T' || state == 'X' || state == 'Z';
    }));
    second.signal(SIGKILL);
    second.wait();
  }
  ::unsetenv("CAUSEWAY_STOP_AT");
  const json third = report({"add", image("a")});
  EXPECT_LE(third.value("indexed_bytes", 0u), kBytes - after_first / 2 * 4096);
  // Counted one by one: what was put twice the index may count twice.
  const json verified = report({"verify"});
  EXPECT_EQ(verified.value("read_blocks", 0u), kBytes / 4096);
  EXPECT_EQ(verified.value("stale_blocks", 1u), 0u);
  EXPECT_EQ(report({"add", image("a")}).value("unchanged", 0u), 1u);
}

TEST_P(IndexTest, DomainsKnowNothingOfEachOther) {
  write("a", 0, 2 * kMiB);
  report({"add", image("a"), "--domain", "one"});
  const json other = report({"verify", "--domain", "two"});
  EXPECT_EQ(other.value("read_blocks", 1u), 0u);
  EXPECT_EQ(other.value("passed_over_blocks", 0u), 512u);
  EXPECT_EQ(
      report({"add", image("a"), "--domain", "two"}).value("indexed_bytes", 0u),
      2 * kMiB);
  EXPECT_EQ(blocks(), 1024u);
  EXPECT_EQ(
      report({"add", image("a"), "--domain", "one"}).value("unchanged", 0u),
      1u);
}

TEST_P(IndexTest, ForgetsWhatIsDropped) {
  fs::create_directory(images() + "/more");
  write("a", 0, kMiB);
  write("more/b", 0, kMiB);
  write("more/c", 0, kMiB);
  report({"add", images()});
  fs::remove(image("more/c"));
  EXPECT_EQ(report({"drop", images() + "/more"}).value("dropped", 0u), 2u);
  EXPECT_EQ(report({"drop", image("a"), "--compact"}).value("dropped", 0u), 1u);
  EXPECT_EQ(blocks(), 0u);
  const CommandResult none = index({"drop", image("a")});
  EXPECT_EQ(none.exit_code, 3) << none.text();
  EXPECT_NE(none.err.find(image("a")), std::string::npos);
}

class IndexTrouble : public IndexTest {};
INSTANTIATE_TEST_SUITE_P(, IndexTrouble, testing::Values(Kind::kFolder),
                         name_of);

TEST_P(IndexTrouble, HasItsExitCodes) {
  EXPECT_EQ(index({"stat"}).exit_code, 3);
  EXPECT_EQ(index({"verify"}).exit_code, 3);
  EXPECT_EQ(index({"add", image("nowhere")}).exit_code, 3);
  EXPECT_EQ(index({"add", "/dev/null"}).exit_code, 2);
  EXPECT_EQ(index({"add"}).exit_code, 2);
  EXPECT_EQ(index({}).exit_code, 2);
  write("a", 0, kMiB);
  EXPECT_EQ(index({"add", image("a"), "--workers", "0"}).exit_code, 2);
  location_ = "redis://127.0.0.1:1/x";
  const CommandResult away = index({"add", image("a")});
  EXPECT_EQ(away.exit_code, 5) << away.text();
  EXPECT_NE(away.err.find("127.0.0.1:1"), std::string::npos);
  location_ = "redis://nonsense";
  EXPECT_EQ(index({"stat"}).exit_code, 2);
}

TEST_P(IndexTrouble, WhatItMakesIsItsOwners) {
  write("a", 0, kMiB);
  report({"add", image("a")});
  for (const auto& entry : fs::recursive_directory_iterator(state())) {
    const auto others = entry.status().permissions() &
                        (fs::perms::group_all | fs::perms::others_all);
    EXPECT_EQ(others, fs::perms::none) << entry.path();
  }
  const std::string key = state() + "/content.key";
  fs::permissions(key, fs::perms::others_read, fs::perm_options::add);
  const CommandResult open = index({"add", image("a")});
  EXPECT_EQ(open.exit_code, 8) << open.text();
  EXPECT_NE(open.err.find(key), std::string::npos);
}

TEST_P(IndexTrouble, OneWritesAndOthersRead) {
#ifndef CAUSEWAY_STOP_POINTS
  GTEST_SKIP() << "a release build has no stop points";
#endif
  write("a", 0, 8 * kMiB);
  report({"add", image("a")});
  write("b", 0, 8 * kMiB);
  ::setenv("CAUSEWAY_STOP_AT", "index.chunk@1", 1);
  RunningCommand writer(folder_, arguments({"add", image("b")}));
  ASSERT_TRUE(eventually([&] { return state_of(writer.pid()) == 'T'; }));
  ::unsetenv("CAUSEWAY_STOP_AT");
  EXPECT_GE(blocks(), 8 * kMiB / 4096);
  EXPECT_EQ(report({"verify", "--keep"}).value("stale_blocks", 1u), 0u);
  const CommandResult second = index({"add", image("a")});
  EXPECT_EQ(second.exit_code, 4) << second.text();
  writer.signal(SIGCONT);
  EXPECT_EQ(writer.wait().exit_code, 0);
  EXPECT_EQ(blocks(), 16 * kMiB / 4096);
}

TEST_P(IndexTrouble, RubbishInTheFolderIsSaid) {
  fs::create_directories(state() + "/content-index");
  std::ofstream(state() + "/content-index/CURRENT") << "rubbish\n";
  const CommandResult bad = index({"stat"});
  EXPECT_EQ(bad.exit_code, 10) << bad.text();
}

}  // namespace
}  // namespace causeway::integration
