#include "tools/agent/undecided.h"

#include <spdlog/spdlog.h>

#include <set>
#include <vector>

#include "tools/agent/limits.h"

namespace causeway {

Result<bool> UndecidedMove::ask() {
  CAUSEWAY_ASSIGN(const Answer answer, inquire());
  if (answer.verdict) {
    CAUSEWAY_TRY(carry_out(*answer.verdict));
    return true;
  }
  if (answer.why.empty()) return false;
  return make_error(ErrorCode::kTimeout, "{}", answer.why);
}

Undecided::~Undecided() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void Undecided::add(std::unique_ptr<UndecidedMove> move) {
  auto entry = std::make_unique<Entry>();
  entry->move = std::move(move);
  const std::lock_guard lock(mutex_);
  entries_.push_back(std::move(entry));
  if (!thread_.joinable()) thread_ = std::thread(&Undecided::run, this);
  added_ = true;
  changed_.notify_all();
}

// The first time at once, then in kAskPeriod.
void Undecided::run() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    added_ = false;
    lock.unlock();
    ask_all();
    lock.lock();
    const auto pause = entries_.empty() ? kNothingToAskPeriod : kAskPeriod;
    changed_.wait_for(lock, pause, [&] { return stopping_ || added_; });
  }
}

void Undecided::ask_all() {
  std::vector<std::string> all;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& entry : entries_) all.push_back(entry->move->migration());
  }
  std::set<std::string> silent;  // hosts that did not answer this time
  for (const std::string& migration : all) {
    if (!take_turn(kNothingToAskPeriod)) return;
    ask_one(migration, &silent);
    give_turn();
    const std::lock_guard lock(mutex_);
    if (stopping_) return;
  }
}

void Undecided::ask_one(const std::string& migration,
                        std::set<std::string>* silent) {
  Entry* entry = find(migration);
  if (entry == nullptr || silent->contains(entry->move->peer())) return;
  const auto decided = entry->move->ask();
  if (decided && *decided) return settle(migration);
  if (!decided && decided.error().code == ErrorCode::kUnreachable) {
    silent->insert(entry->move->peer());
  }
  const std::lock_guard lock(mutex_);
  entry->reason =
      decided ? "the other end is about to decide it" : decided.error().message;
}

bool Undecided::take_turn(std::chrono::milliseconds patience) {
  std::unique_lock lock(mutex_);
  if (!changed_.wait_for(lock, patience, [this] { return !turn_taken_; }))
    return false;
  turn_taken_ = true;
  return true;
}

void Undecided::give_turn() {
  {
    const std::lock_guard lock(mutex_);
    turn_taken_ = false;
  }
  changed_.notify_all();
}

// With the turn.
void Undecided::settle(const std::string& migration) {
  {
    const std::lock_guard lock(mutex_);
    entries_.remove_if([&](const std::unique_ptr<Entry>& entry) {
      return entry->move->migration() == migration;
    });
  }
  changed_.notify_all();
}

Undecided::Entry* Undecided::find(const std::string& migration) const {
  const std::lock_guard lock(mutex_);
  for (const auto& entry : entries_) {
    if (entry->move->migration() == migration) return entry.get();
  }
  return nullptr;
}

bool Undecided::has(const std::string& migration) const {
  return find(migration) != nullptr;
}

Status Undecided::carry_out(const std::string& migration, Verdict verdict) {
  if (!take_turn(kDecideWait)) {
    return make_error(ErrorCode::kTimeout,
                      "another host is being asked just now; try again");
  }
  Status done;
  if (Entry* entry = find(migration); entry == nullptr) {
    done = make_error(ErrorCode::kNotFound,
                      "migration {} is not undecided here", migration);
  } else if (done = entry->move->carry_out(verdict); done) {
    settle(migration);
  }
  give_turn();
  return done;
}

std::map<std::string, std::string> Undecided::reasons() const {
  const std::lock_guard lock(mutex_);
  std::map<std::string, std::string> reasons;
  for (const auto& entry : entries_) {
    reasons[entry->move->migration()] = entry->reason;
  }
  return reasons;
}

bool Undecided::await(const std::string& migration,
                      std::chrono::milliseconds timeout) const {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, timeout, [&] {
    for (const auto& entry : entries_) {
      if (entry->move->migration() == migration) return false;
    }
    return true;
  });
}

}  // namespace causeway
