#include "engine/control/journal.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "engine/base/unique_fd.h"

namespace {
int syncs = 0;
}  // namespace

// SQLite's, which finds ours first.
extern "C" int fsync(int fd) {
  ++syncs;
  return static_cast<int>(::syscall(SYS_fsync, fd));
}
extern "C" int fdatasync(int fd) {
  ++syncs;
  return static_cast<int>(::syscall(SYS_fdatasync, fd));
}

namespace causeway {
namespace {

using testing::HasSubstr;

class JournalTest : public testing::Test {
 protected:
  JournalTest() {
    std::string pattern = "/tmp/causeway-journal-XXXXXX";
    folder_ = ::mkdtemp(pattern.data());
    path_ = folder_ + "/journal.db";
  }
  ~JournalTest() override { std::filesystem::remove_all(folder_); }

  Journal open() {
    auto journal = Journal::open(path_);
    EXPECT_TRUE(journal) << journal.error().message;
    return std::move(journal).value();
  }

  static JournalEntry entry(const std::string& id) {
    JournalEntry entry;
    entry.migration = id;
    entry.guest = "vm1";
    entry.peer = "10.0.0.2:7433";
    entry.boot = boot_id();
    return entry;
  }

  std::string folder_;
  std::string path_;
};

TEST_F(JournalTest, RemembersAcrossOpenings) {
  {
    Journal journal = open();
    ASSERT_TRUE(journal.begin(entry("m1")));
    ASSERT_TRUE(journal.set_mover("m1", 42, 4711));
    ASSERT_TRUE(journal.set_peer_name("m1", "hostb"));
    ASSERT_TRUE(journal.commit("m1", ImageRoots{7, {8, 9}}));
  }
  Journal journal = open();
  const auto found = journal.find("m1");
  ASSERT_TRUE(found && *found);
  EXPECT_EQ((*found)->record, MigrationRecord::kCommitted);
  EXPECT_EQ((*found)->guest, "vm1");
  EXPECT_EQ((*found)->peer_name, "hostb");
  EXPECT_EQ((*found)->proof_due, (ImageRoots{7, {8, 9}}));
  EXPECT_EQ((*found)->mover_pid, 42);
  EXPECT_EQ((*found)->mover_start_ticks, 4711u);
  EXPECT_EQ((*found)->boot, boot_id());
  EXPECT_GT((*found)->changed_ms, 0u);
}

// It stands in the blackout.
TEST_F(JournalTest, ACommitThatWasMadeReadyIsOneSync) {
  {
    Journal agents = open();
    ASSERT_TRUE(agents.begin(entry("m1")));
  }
  Journal journal = open();
  ASSERT_TRUE(journal.make_ready("m1"));
  syncs = 0;
  ASSERT_TRUE(journal.commit("m1", ImageRoots{7, {8, 9}}));
  EXPECT_EQ(syncs, 1);
  EXPECT_EQ((*journal.find("m1"))->record, MigrationRecord::kCommitted);
  // More than a file may gather before someone tidies it, who syncs it.
  syncs = 0;
  for (int i = 0; i < 1100; ++i) ASSERT_TRUE(journal.set_mover("m1", i, 1));
  EXPECT_EQ(syncs, 0);
}

TEST_F(JournalTest, KnowsNothingOfOtherMigrations) {
  Journal journal = open();
  const auto found = journal.find("m1");
  ASSERT_TRUE(found);
  EXPECT_FALSE(*found);
  EXPECT_EQ(journal.set_peer_name("m1", "hostb").error().code,
            ErrorCode::kNotFound);
}

TEST_F(JournalTest, AMigrationBeginsOnce) {
  Journal journal = open();
  ASSERT_TRUE(journal.begin(entry("m1")));
  const Status again = journal.begin(entry("m1"));
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, ErrorCode::kAlreadyExists);
}

// The fence between an agent that aborts and a mover that it took for dead.
TEST_F(JournalTest, WhatWasAbortedCannotBeCommitted) {
  Journal agent = open();
  Journal mover = open();
  ASSERT_TRUE(agent.begin(entry("m1")));
  ASSERT_TRUE(agent.record("m1", MigrationRecord::kNothing,
                           MigrationRecord::kAborted, Durability::kWritten,
                           "the mover did not answer"));
  const Status committed = mover.commit("m1", std::nullopt);
  ASSERT_FALSE(committed);
  EXPECT_EQ(committed.error().code, ErrorCode::kCancelled);
  const auto found = agent.find("m1");
  ASSERT_TRUE(found && *found);
  EXPECT_EQ((*found)->record, MigrationRecord::kAborted);
  EXPECT_EQ((*found)->why, "the mover did not answer");
}

TEST_F(JournalTest, AllAreInTheOrderInWhichTheyBegan) {
  Journal journal = open();
  for (const char* id : {"b", "a", "c"}) {
    ASSERT_TRUE(journal.begin(entry(id)));
  }
  const auto all = journal.all();
  ASSERT_TRUE(all);
  ASSERT_EQ(all->size(), 3u);
  EXPECT_EQ((*all)[0].migration, "b");
  EXPECT_EQ((*all)[2].migration, "c");
}

TEST_F(JournalTest, ForgetsWhatEndedLongAgoAndNothingElse) {
  Journal journal = open();
  for (int i = 0; i < 10; ++i) {
    ASSERT_TRUE(journal.begin(entry(std::to_string(i))));
    if (i == 2) continue;  // undecided
    ASSERT_TRUE(journal.record(std::to_string(i), MigrationRecord::kNothing,
                               MigrationRecord::kAborted,
                               Durability::kWritten));
  }
  ASSERT_TRUE(journal.forget_old(3));
  const auto all = journal.all();
  ASSERT_TRUE(all);
  ASSERT_EQ(all->size(), 4u);
  EXPECT_EQ((*all)[0].migration, "2");
  EXPECT_EQ((*all)[1].migration, "7");
}

TEST_F(JournalTest, OnlyItsOwnerMayReadIt) {
  Journal journal = open();
  ASSERT_TRUE(journal.begin(entry("m1")));
  for (const auto& file : std::filesystem::directory_iterator(folder_)) {
    struct stat status {};
    ASSERT_EQ(::stat(file.path().c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777, 0600u) << file.path();
  }
}

// As after kill -9: what was recorded is there, what was not is not.
TEST_F(JournalTest, ARecordOutlivesItsWriter) {
  ASSERT_TRUE(open().begin(entry("m1")));
  const pid_t child = ::fork();
  if (child == 0) {
    auto journal = Journal::open(path_);
    const bool ok = journal && journal->commit("m1", std::nullopt);
    if (ok) ::kill(::getpid(), SIGKILL);
    ::_exit(1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status));
  const auto found = open().find("m1");
  ASSERT_TRUE(found && *found);
  EXPECT_EQ((*found)->record, MigrationRecord::kCommitted);
}

// What version 1 wrote is read, without a proof.
TEST_F(JournalTest, AnOlderFileIsTakenOver) {
  ASSERT_TRUE(open().begin(entry("m1")));
  sqlite3* db = nullptr;
  ASSERT_EQ(sqlite3_open(path_.c_str(), &db), SQLITE_OK);
  EXPECT_EQ(sqlite3_exec(db,
                         "ALTER TABLE migrations DROP COLUMN proof;"
                         "PRAGMA user_version=1",
                         nullptr, nullptr, nullptr),
            SQLITE_OK);
  sqlite3_close(db);
  for (int opening = 0; opening < 2; ++opening) {
    const auto found = open().find("m1");
    ASSERT_TRUE(found && *found);
    EXPECT_EQ((*found)->guest, "vm1");
    EXPECT_FALSE((*found)->proof_due);
  }
  EXPECT_TRUE(open().commit("m1", ImageRoots{7, {8}}));
}

// Else a mover that comes and goes takes itself for the last one, and takes
// the WAL with it. Only another process sees the lock.
TEST_F(JournalTest, HoldsItsLockOnTheFile) {
  const Journal agent = open();
  const pid_t child = ::fork();
  if (child == 0) {
    const UniqueFd fd(::open(path_.c_str(), O_RDWR | O_CLOEXEC));
    struct flock lock {};
    lock.l_type = F_WRLCK;
    const bool asked = ::fcntl(fd.get(), F_GETLK, &lock) == 0;
    ::_exit(asked && lock.l_type != F_UNLCK ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

TEST_F(JournalTest, ADamagedFileSaysWhatToDo) {
  std::ofstream(path_) << std::string(8192, 'x');
  const auto journal = Journal::open(path_);
  ASSERT_FALSE(journal);
  EXPECT_EQ(journal.error().code, ErrorCode::kIo);
  EXPECT_THAT(journal.error().message, HasSubstr(path_));
  EXPECT_THAT(journal.error().message, HasSubstr("move the file away"));
}

TEST_F(JournalTest, AFullDiskIsAnError) {
  // /dev/full takes nothing; a journal there cannot even begin.
  EXPECT_FALSE(Journal::open("/dev/full"));
}

}  // namespace
}  // namespace causeway
