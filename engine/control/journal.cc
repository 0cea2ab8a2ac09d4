#include "engine/control/journal.h"

#include <fcntl.h>
#include <sqlite3.h>

#include <chrono>
#include <fstream>
#include <mutex>
#include <utility>

#include "engine/base/limits.h"
#include "engine/base/unique_fd.h"
#include "engine/control/limits.h"

namespace causeway {
namespace {

constexpr int kSchemaVersion = 2;
constexpr const char* kSchema =
    "CREATE TABLE IF NOT EXISTS migrations ("
    " migration TEXT PRIMARY KEY NOT NULL, role TEXT NOT NULL,"
    " guest TEXT NOT NULL, peer TEXT NOT NULL, peer_name TEXT NOT NULL,"
    " record TEXT NOT NULL, boot TEXT NOT NULL, why TEXT NOT NULL,"
    " mover_pid INTEGER NOT NULL, mover_start_ticks INTEGER NOT NULL,"
    " changed_ms INTEGER NOT NULL, proof TEXT NOT NULL DEFAULT '') STRICT";
constexpr const char* kFromVersion1 =
    "BEGIN IMMEDIATE;"
    "ALTER TABLE migrations ADD COLUMN proof TEXT NOT NULL DEFAULT '';"
    "PRAGMA user_version=2; COMMIT";
constexpr const char* kColumns =
    "migration, role, guest, peer, peer_name, record, boot, why, mover_pid,"
    " mover_start_ticks, changed_ms, proof";

int64_t now_ms() {
  using std::chrono::system_clock;
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             system_clock::now().time_since_epoch())
      .count();
}

// One SQL statement, prepared once. Texts are bound until the next reset.
class Statement {
 public:
  Statement() = default;
  ~Statement() { sqlite3_finalize(statement_); }
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  int prepare(sqlite3* db, const std::string& sql) {
    return sqlite3_prepare_v3(db, sql.c_str(), -1, SQLITE_PREPARE_PERSISTENT,
                              &statement_, nullptr);
  }
  void bind(int at, const std::string& text) {
    sqlite3_bind_text(statement_, at, text.data(),
                      static_cast<int>(text.size()), SQLITE_TRANSIENT);
  }
  void bind(int at, int64_t number) {
    sqlite3_bind_int64(statement_, at, number);
  }
  int step() { return sqlite3_step(statement_); }
  // Returns what the last step said.
  int reset() { return sqlite3_reset(statement_); }

  std::string text(int column) const {
    const auto* bytes =
        reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
    if (bytes == nullptr) return {};
    return {bytes,
            static_cast<size_t>(sqlite3_column_bytes(statement_, column))};
  }
  int64_t number(int column) const {
    return sqlite3_column_int64(statement_, column);
  }

 private:
  sqlite3_stmt* statement_ = nullptr;
};

JournalRow row_of(const Statement& statement) {
  JournalRow row;
  row.migration = statement.text(0);
  row.role = statement.text(1);
  row.guest = statement.text(2);
  row.peer = statement.text(3);
  row.peer_name = statement.text(4);
  row.record = statement.text(5);
  row.boot = statement.text(6);
  row.why = statement.text(7);
  row.mover_pid = statement.number(8);
  row.mover_start_ticks = statement.number(9);
  row.changed_ms = statement.number(10);
  row.proof = statement.text(11);
  return row;
}

Error unknown(const std::string& migration) {
  return make_error(ErrorCode::kNotFound, "migration {} is not in the journal",
                    migration);
}

Error decided_otherwise(const std::string& migration, MigrationRecord from) {
  return make_error(ErrorCode::kCancelled,
                    "migration {} is no longer \"{}\" in the journal: it has "
                    "been decided otherwise on this host",
                    migration, migration_record_name(from));
}

}  // namespace

struct Journal::Impl {
  std::string path;
  mutable std::mutex mutex;
  std::unique_ptr<sqlite3, int (*)(sqlite3*)> db{nullptr, sqlite3_close_v2};
  Durability durability = Durability::kWritten;
  mutable Statement insert, update, touch, commit, set_mover, set_peer_name,
      select_one, select_all, erase;

  Error trouble(const char* what) const {
    return make_error(ErrorCode::kIo, "the journal {}: {}: {}", path, what,
                      sqlite3_errmsg(db.get()));
  }
  Status run(const char* sql) const {
    if (sqlite3_exec(db.get(), sql, nullptr, nullptr, nullptr) == SQLITE_OK)
      return {};
    return trouble(sql);
  }
  // Of what is written from here on; a pragma of the connection.
  Status set_durability(Durability wanted) {
    if (wanted == durability) return {};
    CAUSEWAY_TRY(run(wanted == Durability::kSynced
                         ? "PRAGMA synchronous=FULL"
                         : "PRAGMA synchronous=NORMAL"));
    durability = wanted;
    return {};
  }
  // The one row that an insert or update was to change.
  Status changed_one(Statement& statement, const Error& otherwise) const;
  Status set_up();
  Status prepare();
};

Status Journal::Impl::changed_one(Statement& statement,
                                  const Error& otherwise) const {
  statement.step();
  if (statement.reset() != SQLITE_OK) return trouble("writing a record");
  if (sqlite3_changes(db.get()) == 1) return {};
  return otherwise;
}

Status Journal::Impl::set_up() {
  CAUSEWAY_TRY(run("PRAGMA journal_mode=WAL"));
  CAUSEWAY_TRY(run("PRAGMA synchronous=NORMAL"));
  Statement version;
  if (version.prepare(db.get(), "PRAGMA user_version") != SQLITE_OK)
    return trouble("opening it");
  if (version.step() != SQLITE_ROW) return trouble("opening it");
  const int64_t found = version.number(0);
  version.reset();
  if (found != 0 && found != 1 && found != kSchemaVersion) {
    return make_error(ErrorCode::kIo,
                      "the journal {} is of version {}, this Causeway writes "
                      "version {}: run the one that made it until no "
                      "migration is undecided",
                      path, found, kSchemaVersion);
  }
  if (found == 1) CAUSEWAY_TRY(run(kFromVersion1));
  CAUSEWAY_TRY(run(kSchema));
  if (found == 0) {
    CAUSEWAY_TRY(
        run(fmt::format("PRAGMA user_version={}", kSchemaVersion).c_str()));
  }
  return prepare();
}

Status Journal::Impl::prepare() {
  const std::string columns = kColumns;
  const std::pair<Statement*, std::string> statements[] = {
      {&insert,
       "INSERT INTO migrations (" + columns +
           ") VALUES (?,?,?,?,?,?,?,?,?,?,?,'') ON CONFLICT DO NOTHING"},
      {&update,
       "UPDATE migrations SET record=?1, why=?2, changed_ms=?3"
       " WHERE migration=?4 AND record=?5"},
      // What would change nothing SQLite leaves out.
      {&touch,
       "UPDATE migrations SET changed_ms=changed_ms+1 WHERE migration=?1"},
      {&commit,
       "UPDATE migrations SET record='committed', proof=?1, changed_ms=?2"
       " WHERE migration=?3 AND record='nothing'"},
      {&set_mover,
       "UPDATE migrations SET mover_pid=?1, mover_start_ticks=?2"
       " WHERE migration=?3"},
      {&set_peer_name, "UPDATE migrations SET peer_name=?1 WHERE migration=?2"},
      {&select_one, "SELECT " + columns + " FROM migrations WHERE migration=?"},
      {&select_all, "SELECT " + columns + " FROM migrations ORDER BY rowid"},
      {&erase,
       "DELETE FROM migrations WHERE record IN ('discarded','aborted',"
       "'running') AND rowid NOT IN (SELECT rowid FROM migrations"
       " ORDER BY rowid DESC LIMIT ?)"}};
  for (const auto& [statement, sql] : statements) {
    if (statement->prepare(db.get(), sql) != SQLITE_OK)
      return trouble("opening it");
  }
  return {};
}

Journal::Journal(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Journal::~Journal() = default;
Journal::Journal(Journal&&) noexcept = default;
Journal& Journal::operator=(Journal&&) noexcept = default;

Result<Journal> Journal::open(const std::string& path) {
  // SQLite would make it readable for all; its other files take after it.
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!fd) return errno_error(errno, "opening the journal " + path);
  // Before SQLite opens it: a close gives up all POSIX locks that this process
  // has on the file, and the next to go would take itself for the last.
  fd.reset();
  auto impl = std::make_unique<Impl>();
  impl->path = path;
  sqlite3* db = nullptr;
  const int opened = sqlite3_open_v2(
      path.c_str(), &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, nullptr);
  impl->db.reset(db);
  if (opened != SQLITE_OK) return impl->trouble("opening it");
  sqlite3_busy_timeout(db, kJournalBusyTimeoutMs);
  if (Status ready = impl->set_up(); !ready) {
    return make_error(ErrorCode::kIo,
                      "{}; if it is damaged, look with guest list at both "
                      "hosts where each guest runs, then move the file away",
                      ready.error().message);
  }
  return Journal(std::move(impl));
}

Status Journal::begin(const JournalEntry& entry) {
  const std::lock_guard lock(impl_->mutex);
  CAUSEWAY_TRY(impl_->set_durability(Durability::kSynced));
  Statement& insert = impl_->insert;
  insert.bind(1, entry.migration);
  insert.bind(2, migration_role_name(entry.role));
  insert.bind(3, entry.guest);
  insert.bind(4, entry.peer);
  insert.bind(5, entry.peer_name);
  insert.bind(6, migration_record_name(entry.record));
  insert.bind(7, entry.boot);
  insert.bind(8, entry.why);
  insert.bind(9, int64_t{entry.mover_pid});
  insert.bind(10, static_cast<int64_t>(entry.mover_start_ticks));
  insert.bind(11, now_ms());
  return impl_->changed_one(
      insert,
      make_error(ErrorCode::kAlreadyExists,
                 "migration {} is in the journal already", entry.migration));
}

Status Journal::record(const std::string& migration, MigrationRecord from,
                       MigrationRecord to, Durability durability,
                       const std::string& why) {
  const std::lock_guard lock(impl_->mutex);
  CAUSEWAY_TRY(impl_->set_durability(durability));
  Statement& update = impl_->update;
  update.bind(1, migration_record_name(to));
  update.bind(2, why.substr(0, kWhyBytesMax));
  update.bind(3, now_ms());
  update.bind(4, migration);
  update.bind(5, migration_record_name(from));
  return impl_->changed_one(update, decided_otherwise(migration, from));
}

Status Journal::make_ready(const std::string& migration) {
  const std::lock_guard lock(impl_->mutex);
  sqlite3_wal_autocheckpoint(impl_->db.get(), 0);
  CAUSEWAY_TRY(impl_->set_durability(Durability::kSynced));
  Statement& touch = impl_->touch;
  touch.bind(1, migration);
  return impl_->changed_one(touch, unknown(migration));
}

Status Journal::commit(const std::string& migration,
                       const std::optional<ImageRoots>& proof_due) {
  const std::lock_guard lock(impl_->mutex);
  CAUSEWAY_TRY(impl_->set_durability(Durability::kSynced));
  Statement& commit = impl_->commit;
  commit.bind(1, proof_due ? encode_image_roots(*proof_due) : "");
  commit.bind(2, now_ms());
  commit.bind(3, migration);
  return impl_->changed_one(
      commit, decided_otherwise(migration, MigrationRecord::kNothing));
}

Status Journal::set_mover(const std::string& migration, pid_t pid,
                          uint64_t start_ticks) {
  const std::lock_guard lock(impl_->mutex);
  CAUSEWAY_TRY(impl_->set_durability(Durability::kWritten));
  Statement& update = impl_->set_mover;
  update.bind(1, int64_t{pid});
  update.bind(2, static_cast<int64_t>(start_ticks));
  update.bind(3, migration);
  return impl_->changed_one(update, unknown(migration));
}

Status Journal::set_peer_name(const std::string& migration,
                              const std::string& name) {
  const std::lock_guard lock(impl_->mutex);
  CAUSEWAY_TRY(impl_->set_durability(Durability::kWritten));
  Statement& update = impl_->set_peer_name;
  update.bind(1, name);
  update.bind(2, migration);
  return impl_->changed_one(update, unknown(migration));
}

Result<std::optional<JournalEntry>> Journal::find(
    const std::string& migration) const {
  const std::lock_guard lock(impl_->mutex);
  Statement& select = impl_->select_one;
  select.bind(1, migration);
  const int step = select.step();
  std::optional<JournalRow> row;
  if (step == SQLITE_ROW) row = row_of(select);
  if (select.reset() != SQLITE_OK) return impl_->trouble("reading it");
  if (!row) return std::optional<JournalEntry>();
  CAUSEWAY_ASSIGN(JournalEntry entry, decode_row(*row));
  return std::optional<JournalEntry>(std::move(entry));
}

Result<std::vector<JournalEntry>> Journal::all() const {
  const std::lock_guard lock(impl_->mutex);
  std::vector<JournalRow> rows;
  while (impl_->select_all.step() == SQLITE_ROW) {
    rows.push_back(row_of(impl_->select_all));
  }
  if (impl_->select_all.reset() != SQLITE_OK)
    return impl_->trouble("reading it");
  std::vector<JournalEntry> entries;
  entries.reserve(rows.size());
  for (const JournalRow& row : rows) {
    auto entry = decode_row(row);
    if (!entry) {
      return make_error(ErrorCode::kIo, "{}: migration {}: {}", impl_->path,
                        row.migration.substr(0, kNameBytesMax),
                        entry.error().message);
    }
    entries.push_back(std::move(entry).value());
  }
  return entries;
}

Status Journal::forget_old(size_t keep) {
  const std::lock_guard lock(impl_->mutex);
  CAUSEWAY_TRY(impl_->set_durability(Durability::kWritten));
  impl_->erase.bind(1, static_cast<int64_t>(keep));
  impl_->erase.step();
  if (impl_->erase.reset() == SQLITE_OK) return {};
  return impl_->trouble("forgetting old migrations");
}

std::string boot_id() {
  std::ifstream file("/proc/sys/kernel/random/boot_id");
  std::string id;
  std::getline(file, id);
  return id.substr(0, kNameBytesMax);
}

}  // namespace causeway
