// Undecided: the migrations of this host whose outcome the other end must
// tell, because a process, a host or the link went away around commitment. A
// thread of its own asks on, whatever happens to callers and agents; after a
// restart the agent finds them again in the journal.
//
// Thread-safe. What is undecided when this goes stays so: guest, shell and
// record are left as they are.
#pragma once

#include <chrono>
#include <condition_variable>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>

#include "engine/base/result.h"

namespace causeway {

// What a word ends: the other end's, or the operator's.
enum class Verdict {
  kRunAtTarget,
  kStayAtSource,
};

// One of them. Called by one thread at a time.
class UndecidedMove {
 public:
  virtual ~UndecidedMove() = default;
  virtual const std::string& migration() const = 0;
  // The other end's agent.
  virtual const std::string& peer() const = 0;
  // Asks the other end; carries out what it says. False: it does not know
  // either, so far. An Error says why it cannot be known just now.
  Result<bool> ask();
  // Carries out a verdict. An Error: as undecided as before.
  virtual Status carry_out(Verdict verdict) = 0;

 protected:
  struct Answer {
    std::optional<Verdict> verdict;
    std::string why;  // there is none, if it can be told
  };
  virtual Result<Answer> inquire() = 0;
};

class Undecided {
 public:
  Undecided() = default;
  ~Undecided();
  Undecided(const Undecided&) = delete;
  Undecided& operator=(const Undecided&) = delete;

  void add(std::unique_ptr<UndecidedMove> move);

  // kNotFound: there is none, or it has been decided meanwhile. kTimeout: it
  // is being asked about just now.
  Status carry_out(const std::string& migration, Verdict verdict);
  bool has(const std::string& migration) const;
  // Migration -> why it is not decided yet.
  std::map<std::string, std::string> reasons() const;
  // False when it is still undecided after `timeout`.
  bool await(const std::string& migration,
             std::chrono::milliseconds timeout) const;

 private:
  struct Entry {
    std::unique_ptr<UndecidedMove> move;
    std::string reason = "the other end has not been asked yet";
  };

  void run();
  void ask_all();
  void ask_one(const std::string& migration, std::set<std::string>* silent);
  // The one turn to ask or to decide: entries go only with it.
  bool take_turn(std::chrono::milliseconds patience);
  void give_turn();

  Entry* find(const std::string& migration) const;
  void settle(const std::string& migration);

  mutable std::mutex mutex_;
  bool turn_taken_ = false;
  mutable std::condition_variable changed_;
  std::list<std::unique_ptr<Entry>> entries_;
  bool added_ = false;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace causeway
