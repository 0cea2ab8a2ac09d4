#include "tools/agent/guest_table.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <utility>

namespace causeway {

const char* guest_phase_name(GuestPhase phase) {
  switch (phase) {
    case GuestPhase::kStarting:
      return "starting";
    case GuestPhase::kRunning:
      return "running";
    case GuestPhase::kDeparting:
      return "migrating";
    case GuestPhase::kArriving:
      return "incoming";
    case GuestPhase::kStopping:
      return "stopping";
    case GuestPhase::kFrozen:
      return "frozen";
    case GuestPhase::kDied:
      return "died";
  }
  return "unknown";
}

GuestTable::Claim::Claim(Claim&& other) noexcept
    : table_(std::exchange(other.table_, nullptr)),
      name_(std::move(other.name_)) {}

GuestTable::Claim::~Claim() {
  if (table_ != nullptr) table_->release(name_);
}

GuestView GuestTable::Claim::view() const {
  const std::lock_guard lock(table_->mutex_);
  return table_->entries_.at(name_).view;
}

void GuestTable::Claim::settle(GuestRecord record, ChildProcess vmm) {
  const std::lock_guard lock(table_->mutex_);
  Entry& entry = table_->entries_.at(name_);
  entry.view.record = std::move(record);
  entry.vmm.emplace(std::move(vmm));
  entry.settled = true;
}

void GuestTable::Claim::settle_dead(GuestRecord record, std::string why) {
  {
    const std::lock_guard lock(table_->mutex_);
    Entry& entry = table_->entries_.at(name_);
    entry.view.record = std::move(record);
    entry.settled = true;
  }
  leave_as(GuestPhase::kDied, std::move(why));
}

void GuestTable::Claim::show_as(GuestPhase phase, std::string why) {
  const std::lock_guard lock(table_->mutex_);
  GuestView& view = table_->entries_.at(name_).view;
  view.phase = phase;
  view.why = std::move(why);
}

void GuestTable::Claim::leave_as(GuestPhase phase, std::string why) {
  const std::lock_guard lock(table_->mutex_);
  Entry& entry = table_->entries_.at(name_);
  entry.after = phase;
  entry.after_why = std::move(why);
}

std::optional<ChildProcess> GuestTable::Claim::drop() {
  const std::lock_guard lock(table_->mutex_);
  Entry& entry = table_->entries_.at(name_);
  entry.settled = false;
  std::optional<ChildProcess> vmm;
  if (entry.vmm) vmm.emplace(std::move(*entry.vmm));
  entry.vmm.reset();
  return vmm;
}

GuestTable::GuestTable() : changed_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  CAUSEWAY_ASSERT(changed_);
}

GuestTable::~GuestTable() {
  for (auto& [name, entry] : entries_) {
    if (entry.vmm) entry.vmm->release();
  }
}

Result<GuestTable::Claim> GuestTable::claim_new(
    const control::GuestConfig& config, GuestPhase phase,
    const std::string& host_name) {
  const std::lock_guard lock(mutex_);
  const auto [place, fresh] = entries_.try_emplace(config.name());
  if (!fresh) {
    return make_error(ErrorCode::kAlreadyExists,
                      "host {} has a guest named {} already; stop that one or "
                      "take another name",
                      host_name, config.name());
  }
  Entry& entry = place->second;
  entry.view.record.config = config;
  entry.view.phase = phase;
  entry.claimed = true;
  return Claim(this, config.name());
}

Result<GuestTable::Claim> GuestTable::claim(const std::string& name,
                                            GuestPhase phase,
                                            const std::string& host_name) {
  const std::lock_guard lock(mutex_);
  const auto place = entries_.find(name);
  if (place == entries_.end()) {
    return make_error(ErrorCode::kNotFound,
                      "host {} has no guest named {}; `causeway guest list` "
                      "shows those it has",
                      host_name, name);
  }
  Entry& entry = place->second;
  if (entry.claimed) {
    return make_error(ErrorCode::kInvalidArgument,
                      "guest {} is {} just now; try again when that is done",
                      name, guest_phase_name(entry.view.phase));
  }
  entry.claimed = true;
  entry.after = entry.view.phase;
  entry.after_why = entry.view.why;
  entry.view.phase = phase;
  return Claim(this, name);
}

void GuestTable::release(const std::string& name) {
  const std::lock_guard lock(mutex_);
  const auto place = entries_.find(name);
  CAUSEWAY_ASSERT(place != entries_.end());
  Entry& entry = place->second;
  CAUSEWAY_ASSERT(entry.claimed);
  if (!entry.settled) {
    entries_.erase(place);
    return;
  }
  entry.claimed = false;
  entry.view.phase = entry.after;
  entry.view.why = entry.after_why;
  note_death(&entry);
  const uint64_t one = 1;
  // Full means that it is readable already.
  [[maybe_unused]] const ssize_t n = write(changed_.get(), &one, sizeof(one));
}

std::optional<GuestView> GuestTable::find(const std::string& name) const {
  const std::lock_guard lock(mutex_);
  const auto place = entries_.find(name);
  if (place == entries_.end()) return std::nullopt;
  return place->second.view;
}

std::vector<GuestView> GuestTable::all() const {
  const std::lock_guard lock(mutex_);
  std::vector<GuestView> views;
  for (const auto& [name, entry] : entries_) views.push_back(entry.view);
  return views;
}

GuestTable::Totals GuestTable::totals_without(const std::string& name) const {
  const std::lock_guard lock(mutex_);
  Totals totals;
  for (const auto& [other, entry] : entries_) {
    if (other == name || entry.view.phase == GuestPhase::kDied) continue;
    const control::GuestConfig& config = entry.view.record.config;
    totals.memory_bytes += config.memory_bytes();
    if (entry.view.phase != GuestPhase::kArriving) continue;
    totals.arriving_memory_bytes += config.memory_bytes();
    totals.arriving_disk_bytes += config.disk_bytes();
  }
  return totals;
}

std::vector<int> GuestTable::exit_fds() const {
  const std::lock_guard lock(mutex_);
  std::vector<int> fds = {changed_.get()};
  for (const auto& [name, entry] : entries_) {
    const bool watched = entry.vmm && entry.view.phase != GuestPhase::kDied;
    if (watched && !entry.claimed) fds.push_back(entry.vmm->exit_fd());
  }
  return fds;
}

std::vector<GuestView> GuestTable::note_deaths() {
  const std::lock_guard lock(mutex_);
  uint64_t changes = 0;
  [[maybe_unused]] const ssize_t n =
      read(changed_.get(), &changes, sizeof(changes));
  std::vector<GuestView> died;
  for (auto& [name, entry] : entries_) {
    if (!entry.claimed && note_death(&entry)) died.push_back(entry.view);
  }
  return died;
}

bool GuestTable::note_death(Entry* entry) {
  if (!entry->vmm || entry->view.phase == GuestPhase::kDied) return false;
  const auto status = entry->vmm->wait(std::chrono::milliseconds(0));
  if (!status) return false;
  entry->view.phase = GuestPhase::kDied;
  entry->view.why = fmt::format("its VMM ended with {}", status->text());
  return true;
}

}  // namespace causeway
