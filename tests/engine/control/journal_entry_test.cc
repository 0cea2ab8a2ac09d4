#include "engine/control/journal_entry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace causeway {
namespace {

using testing::HasSubstr;

JournalRow good_row() {
  JournalRow row;
  row.migration = "0123456789abcdef";
  row.role = "source";
  row.guest = "vm1";
  row.peer = "10.0.0.2:7433";
  row.peer_name = "b";
  row.record = "committed";
  row.boot = "6f0e";
  row.mover_pid = 42;
  row.mover_start_ticks = 4711;
  row.changed_ms = 1;
  row.proof = "00000000000000070000000000000008";
  return row;
}

TEST(JournalEntry, IsWhatTheRowSays) {
  const auto entry = decode_row(good_row());
  ASSERT_TRUE(entry) << entry.error().message;
  EXPECT_EQ(entry->migration, "0123456789abcdef");
  EXPECT_EQ(entry->role, MigrationRole::kSource);
  EXPECT_EQ(entry->record, MigrationRecord::kCommitted);
  EXPECT_EQ(entry->mover_pid, 42);
  EXPECT_EQ(entry->mover_start_ticks, 4711u);
  EXPECT_EQ(entry->proof_due, (ImageRoots{7, {8}}));
}

struct BadRow {
  const char* column;
  void (*spoil)(JournalRow&);
};

class BadRows : public testing::TestWithParam<BadRow> {};

TEST_P(BadRows, AreRefusedAndTheColumnIsNamed) {
  JournalRow row = good_row();
  GetParam().spoil(row);
  const auto entry = decode_row(row);
  ASSERT_FALSE(entry);
  EXPECT_EQ(entry.error().code, ErrorCode::kIo);
  EXPECT_THAT(entry.error().message,
              HasSubstr(std::string("column ") + GetParam().column));
}

INSTANTIATE_TEST_SUITE_P(
    JournalEntry, BadRows,
    testing::Values(
        BadRow{"migration", [](JournalRow& row) { row.migration.clear(); }},
        BadRow{"guest", [](JournalRow& row) { row.guest.assign(65, 'g'); }},
        BadRow{"peer", [](JournalRow& row) { row.peer.assign(301, 'p'); }},
        BadRow{"proof", [](JournalRow& row) { row.proof = "7,8"; }},
        BadRow{"peer_name",
               [](JournalRow& row) { row.peer_name.assign(301, 'p'); }},
        BadRow{"boot", [](JournalRow& row) { row.boot.assign(65, 'b'); }},
        BadRow{"why", [](JournalRow& row) { row.why.assign(5000, 'w'); }},
        BadRow{"role", [](JournalRow& row) { row.role = "middle"; }},
        BadRow{"record", [](JournalRow& row) { row.record = "half"; }},
        // A source never prepares, a target never commits.
        BadRow{"record", [](JournalRow& row) { row.record = "prepared"; }},
        BadRow{"record",
               [](JournalRow& row) {
                 row.role = "target";
                 row.record = "committed";
               }},
        BadRow{"mover_pid", [](JournalRow& row) { row.mover_pid = -1; }},
        BadRow{"mover_pid",
               [](JournalRow& row) { row.mover_pid = int64_t{1} << 40; }},
        BadRow{"mover_start_ticks",
               [](JournalRow& row) { row.mover_start_ticks = -1; }},
        BadRow{"changed_ms", [](JournalRow& row) { row.changed_ms = -1; }}));

}  // namespace
}  // namespace causeway
