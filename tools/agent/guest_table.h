// GuestTable: the guests of this host while the agent runs. Thread-safe.
//
// Work on a guest (start, move, stop) needs its Claim, and there is one at a
// time; looking does not. The table owns the VMM processes; unless one is
// taken out, it lets them live when it goes.
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "engine/base/result.h"
#include "tools/agent/guest_store.h"
#include "tools/process/child_process.h"

namespace causeway {

enum class GuestPhase {
  kStarting,
  kRunning,
  kDeparting,
  kArriving,
  kStopping,
  kFrozen,  // moved or meant to move; kept because the proof is not complete
  kDied,
};
const char* guest_phase_name(GuestPhase phase);

struct GuestView {
  GuestRecord record;
  GuestPhase phase = GuestPhase::kStarting;
  std::string why;  // of kDied and kFrozen
};

class GuestTable {
 public:
  // The right to work on one guest. When it goes, the guest is back to
  // kRunning, or out of the table if it was never settled or is dropped.
  class Claim {
   public:
    Claim(Claim&& other) noexcept;
    Claim& operator=(Claim&& other) = delete;
    ~Claim();

    const std::string& name() const { return name_; }
    GuestView view() const;
    // The guest is real: it stays in the table.
    void settle(GuestRecord record, ChildProcess vmm);
    // It was real once: its VMM is gone.
    void settle_dead(GuestRecord record, std::string why);
    // What it is shown as while it is claimed.
    void show_as(GuestPhase phase, std::string why);
    // What it becomes when the claim goes.
    void leave_as(GuestPhase phase, std::string why);
    // Out of the table when the claim goes. The VMM, if it has one, is the
    // caller's.
    std::optional<ChildProcess> drop();

   private:
    friend class GuestTable;
    Claim(GuestTable* table, std::string name)
        : table_(table), name_(std::move(name)) {}
    GuestTable* table_;
    std::string name_;
  };

  GuestTable();
  ~GuestTable();
  GuestTable(const GuestTable&) = delete;
  GuestTable& operator=(const GuestTable&) = delete;

  // A name that is not taken yet. kAlreadyExists names the host.
  Result<Claim> claim_new(const control::GuestConfig& config, GuestPhase phase,
                          const std::string& host_name);
  // kNotFound; or kInvalidArgument while someone else works on it.
  Result<Claim> claim(const std::string& name, GuestPhase phase,
                      const std::string& host_name);

  std::optional<GuestView> find(const std::string& name) const;
  std::vector<GuestView> all() const;

  // Bytes of RAM of all guests but `name`, and of those still arriving.
  struct Totals {
    uint64_t memory_bytes = 0;
    uint64_t arriving_memory_bytes = 0;
    uint64_t arriving_disk_bytes = 0;
  };
  Totals totals_without(const std::string& name) const;

  // Readable each when a VMM ends, or, the first one, when the others have
  // changed. Then call note_deaths(), which returns the guests that died.
  std::vector<int> exit_fds() const;
  std::vector<GuestView> note_deaths();

 private:
  struct Entry {
    GuestView view;
    std::optional<ChildProcess> vmm;
    bool claimed = false;
    bool settled = false;
    GuestPhase after = GuestPhase::kRunning;  // once the claim goes
    std::string after_why;
  };
  void release(const std::string& name);
  static bool note_death(Entry* entry);

  UniqueFd changed_;  // an eventfd
  mutable std::mutex mutex_;
  std::map<std::string, Entry> entries_;
};

}  // namespace causeway
