// What two hosts have agreed on no third may touch or ask about, also when the
// agent that let it in has ended since: the journal remembers whose it is.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>

#include "engine/control/journal.h"
#include "tools/agent/agent.h"

namespace causeway {
namespace {

using testing::HasSubstr;

constexpr const char* kMigration = "0123456789abcdef";
constexpr const char* kDeparture = "fedcba9876543210";

class AgentPeerTest : public testing::Test {
 protected:
  AgentPeerTest() {
    char folder[] = "/tmp/causeway-agent-XXXXXX";
    EXPECT_NE(::mkdtemp(folder), nullptr);
    folder_ = folder;
    AgentOptions options;
    options.name = "B";
    options.state_folder = folder_;
    agent_ = Agent::create(options).value();
    JournalEntry entry;
    entry.migration = kMigration;
    entry.role = MigrationRole::kTarget;
    entry.guest = "g";
    entry.peer = "127.0.0.1:1";
    entry.peer_name = "a";
    entry.boot = boot_id();
    Journal journal = Journal::open(folder_ + "/journal.db").value();
    EXPECT_TRUE(journal.begin(entry));
    entry.migration = kDeparture;
    entry.role = MigrationRole::kSource;
    EXPECT_TRUE(journal.begin(entry));
    EXPECT_TRUE(journal.record(kDeparture, MigrationRecord::kNothing,
                               MigrationRecord::kAborted,
                               Durability::kWritten));
  }
  ~AgentPeerTest() override {
    agent_.reset();
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }

  std::string folder_;
  std::unique_ptr<Agent> agent_;
};

TEST_F(AgentPeerTest, AnotherPeerIsRefused) {
  for (const char* other : {"c", ""}) {
    const auto discarded = agent_->arrivals().discard(other, kMigration);
    ASSERT_FALSE(discarded);
    EXPECT_EQ(discarded.error().code, ErrorCode::kPermission);
    EXPECT_THAT(discarded.error().message, HasSubstr("is \"a\"'s"));
    const auto outcome = agent_->arrivals().outcome(other, kMigration);
    ASSERT_FALSE(outcome);
    EXPECT_EQ(outcome.error().code, ErrorCode::kPermission);
    const auto committed = agent_->decisions().commit(other, kMigration);
    ASSERT_FALSE(committed);
    EXPECT_EQ(committed.error().code, ErrorCode::kPermission);
    const auto decided = agent_->decisions().decision(other, kDeparture);
    ASSERT_FALSE(decided);
    EXPECT_EQ(decided.error().code, ErrorCode::kPermission);
  }
}

TEST_F(AgentPeerTest, ThePeerItselfIsHeard) {
  EXPECT_TRUE(agent_->arrivals().discard("a", kMigration));
  EXPECT_TRUE(agent_->decisions().commit("a", kMigration));
  EXPECT_EQ(agent_->arrivals().outcome("a", kMigration).error().code,
            ErrorCode::kNotFound);
  const auto decided = agent_->decisions().decision("a", kDeparture);
  ASSERT_TRUE(decided);
  EXPECT_EQ(decided->decision(), control::DecisionReply::ABORT);
}

}  // namespace
}  // namespace causeway
