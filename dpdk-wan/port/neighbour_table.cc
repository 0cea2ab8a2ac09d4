#include "dpdk-wan/port/neighbour_table.h"

#include <algorithm>

namespace causeway {

NeighbourTable::Neighbour* NeighbourTable::lookup(const IpAddress& address) {
  Neighbour& last = neighbours_[last_];
  if (last.present && last.address == address) return &last;
  for (size_t i = 0; i < neighbours_.size(); ++i) {
    if (neighbours_[i].present && neighbours_[i].address == address) {
      last_ = i;
      return &neighbours_[i];
    }
  }
  return nullptr;
}

bool NeighbourTable::has(const IpAddress& address) const {
  return std::any_of(neighbours_.begin(), neighbours_.end(),
                     [&](const Neighbour& neighbour) {
                       return neighbour.present && neighbour.address == address;
                     });
}

// A free place; else, for one that we want to reach, that of the one that was
// learned longest ago and is not used.
NeighbourTable::Neighbour* NeighbourTable::make_room(bool asked_for) {
  Neighbour* oldest = nullptr;
  for (Neighbour& neighbour : neighbours_) {
    if (!neighbour.present) return &neighbour;
    if (neighbour.known && !neighbour.used &&
        (oldest == nullptr || neighbour.due < oldest->due)) {
      oldest = &neighbour;
    }
  }
  return asked_for ? oldest : nullptr;
}

const MacAddress* NeighbourTable::find(const IpAddress& address) {
  Neighbour* found = lookup(address);
  if (found == nullptr) {
    found = make_room(true);
    if (found == nullptr) return nullptr;
    *found = {};
    found->address = address;
    found->present = true;
    found->due = next_due_ = Instant::min();
  }
  found->used = true;
  return found->known ? &found->mac : nullptr;
}

void NeighbourTable::learn(const IpAddress& address, const MacAddress& mac,
                           bool may_add, Instant now) {
  Neighbour* found = lookup(address);
  if (found == nullptr && may_add) found = make_room(false);
  if (found == nullptr) return;
  found->address = address;
  found->mac = mac;
  found->present = found->known = true;
  found->used = false;
  found->questions = 0;
  found->due = now + kNeighbourKnownFor;
  set_next_due();
}

// True: it is gone.
bool NeighbourTable::expire(Neighbour& neighbour) {
  const bool idle = neighbour.known && !neighbour.used;
  if (!idle && neighbour.questions < kNeighbourQuestions) return false;
  neighbour = {};
  return true;
}

size_t NeighbourTable::due(Instant now, std::span<IpAddress> questions) {
  if (now < next_due_) return 0;
  size_t count = 0;
  for (Neighbour& neighbour : neighbours_) {
    if (!neighbour.present || neighbour.due > now || expire(neighbour)) {
      continue;
    }
    if (count == questions.size()) break;
    questions[count++] = neighbour.address;
    ++neighbour.questions;
    neighbour.due = now + kNeighbourQuestionEvery;
  }
  set_next_due();
  return count;
}

void NeighbourTable::set_next_due() {
  next_due_ = kNever;
  for (const Neighbour& neighbour : neighbours_) {
    if (neighbour.present) next_due_ = std::min(next_due_, neighbour.due);
  }
}

}  // namespace causeway
