#include "tools/agent/guest_store.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace causeway {
namespace {

namespace fs = std::filesystem;

class GuestStoreTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char path[] = "/tmp/causeway-store-XXXXXX";
    ASSERT_NE(mkdtemp(path), nullptr);
    folder_ = path;
  }
  void TearDown() override { fs::remove_all(folder_); }

  static GuestRecord record(const std::string& name) {
    GuestRecord record;
    record.config.set_name(name);
    record.config.set_hypervisor("kvm");
    record.config.set_memory_bytes(64ull << 20);
    record.config.set_workload("uniform:50M");
    record.config.set_used(0.5);
    record.config.add_cpu_mask("avx2");
    record.config.set_seed(1ull << 62);
    record.pid = 77;
    record.start_ticks = 1ull << 40;
    record.incoming = "m1";
    return record;
  }

  std::string folder_;
};

TEST_F(GuestStoreTest, RecordsReadBack) {
  auto store = GuestStore::open(folder_ + "/state");
  ASSERT_TRUE(store);
  GuestRecord first = record("g1");
  first.pid = -1;
  ASSERT_TRUE(store->create(first));
  EXPECT_EQ(store->load("g1")->pid, -1);
  ASSERT_TRUE(store->save(record("g1")));
  const auto loaded = store->load("g1");
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_EQ(loaded->config.SerializeAsString(),
            record("g1").config.SerializeAsString());
  EXPECT_EQ(loaded->pid, 77);
  EXPECT_EQ(loaded->start_ticks, 1ull << 40);
  EXPECT_EQ(loaded->incoming, "m1");
  EXPECT_EQ(store->names(), std::vector<std::string>{"g1"});
  store->remove("g1");
  EXPECT_TRUE(store->names().empty());
}

TEST_F(GuestStoreTest, FoldersAreForTheOwnerOnly) {
  auto store = GuestStore::open(folder_ + "/state");
  ASSERT_TRUE(store);
  const auto paths = store->create(record("g1"));
  ASSERT_TRUE(paths);
  struct stat stat = {};
  ASSERT_EQ(::stat(paths->folder.c_str(), &stat), 0);
  EXPECT_EQ(stat.st_mode & 0777, 0700u);
}

TEST_F(GuestStoreTest, ATakenNameIsRefused) {
  auto store = GuestStore::open(folder_ + "/state");
  ASSERT_TRUE(store->create(record("g1")));
  const auto again = store->create(record("g1"));
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, ErrorCode::kAlreadyExists);
}

// An agent may be killed between any two of its steps.
TEST_F(GuestStoreTest, WhatWasBeingMadeOrRemovedIsGoneWithTheNextAgent) {
  {
    auto store = GuestStore::open(folder_ + "/state");
    ASSERT_TRUE(store);
    const auto paths = store->create(record("g1"));
    ASSERT_TRUE(paths);
    fs::rename(paths->folder, folder_ + "/state/guests/.g1");
    ASSERT_TRUE(store->create(record("g2")));
    EXPECT_EQ(store->names(), std::vector<std::string>{"g2"});
  }
  auto store = GuestStore::open(folder_ + "/state");
  ASSERT_TRUE(store);
  EXPECT_FALSE(fs::exists(folder_ + "/state/guests/.g1"));
  EXPECT_EQ(store->names(), std::vector<std::string>{"g2"});
  EXPECT_TRUE(store->create(record("g1")));
}

TEST_F(GuestStoreTest, WhatAnIncompleteRemovalLeftIsInNobodysWay) {
  auto store = GuestStore::open(folder_ + "/state");
  ASSERT_TRUE(store);
  const std::string hidden = folder_ + "/state/guests/.g1";
  fs::create_directory(hidden);
  std::ofstream(hidden + "/disk.raw") << "old";
  const auto paths = store->create(record("g1"));
  ASSERT_TRUE(paths);
  EXPECT_FALSE(fs::exists(paths->disk));
  fs::create_directory(hidden);
  std::ofstream(hidden + "/disk.raw") << "old";
  store->remove("g1");
  EXPECT_FALSE(fs::exists(paths->folder));
  EXPECT_FALSE(fs::exists(hidden));
}

TEST_F(GuestStoreTest, ARecordThatCannotBeWrittenLeavesNothing) {
  auto store = GuestStore::open(folder_ + "/state");
  ASSERT_TRUE(store);
  // Every write of a file fails, as on a full disk.
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  ::signal(SIGXFSZ, SIG_IGN);
  const rlimit none{0, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &none), 0);
  const auto paths = store->create(record("g1"));
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  ::signal(SIGXFSZ, SIG_DFL);
  ASSERT_FALSE(paths);
  EXPECT_TRUE(fs::is_empty(folder_ + "/state/guests"));
}

TEST_F(GuestStoreTest, OneAgentAFolder) {
  auto store = GuestStore::open(folder_ + "/state");
  ASSERT_TRUE(store);
  const auto second = GuestStore::open(folder_ + "/state");
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::kAlreadyExists);
  EXPECT_NE(second.error().message.find("another agent uses"),
            std::string::npos);
}

TEST_F(GuestStoreTest, DamagedRecordsAreErrors) {
  auto store = GuestStore::open(folder_ + "/state");
  ASSERT_TRUE(store);
  const auto paths = store->create(record("g1"));
  for (const char* text :
       {"", "{", "[]", "{}", R"({"config":{}})", R"({"config":3,"pid":"x"})"}) {
    std::ofstream(paths->record) << text;
    EXPECT_FALSE(store->load("g1")) << text;
  }
  ASSERT_TRUE(store->create(record("g2")));
  ASSERT_TRUE(store->save(record("g2")));
  fs::copy_file(store->paths("g2").record, paths->record,
                fs::copy_options::overwrite_existing);
  EXPECT_FALSE(store->load("g1")) << "a record of another guest";
}

TEST_F(GuestStoreTest, ALongSocketPathIsRefusedBeforeAnythingIsMade) {
  auto store = GuestStore::open(folder_ + "/" + std::string(60, 's'));
  ASSERT_TRUE(store);
  const auto paths = store->create(record(std::string(30, 'g')));
  ASSERT_FALSE(paths);
  EXPECT_NE(paths.error().message.find("shorter"), std::string::npos);
  EXPECT_TRUE(store->names().empty());
}

TEST(GuestName, OnlyWhatIsSafeAsAFileName) {
  for (const char* name : {"g", "web-1", "a.b_c", "7"}) {
    EXPECT_TRUE(check_guest_name(name)) << name;
  }
  for (const std::string& name :
       {std::string(), std::string("."), std::string(".."), std::string("-g"),
        std::string("a/b"), std::string("a b"), std::string("a\n"),
        std::string("\0a", 2), std::string(65, 'a')}) {
    const Status status = check_guest_name(name);
    ASSERT_FALSE(status) << name;
    EXPECT_EQ(status.error().code, ErrorCode::kInvalidArgument);
  }
}

}  // namespace
}  // namespace causeway
