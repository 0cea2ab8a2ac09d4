// NeighbourTable: which MAC address the hosts on this link have, and whom to
// ask. Time is an argument, it sends nothing: the port asks for what due()
// names, and tells what it hears.
//
//   find ──► asking ──learn──► known ──30 s, used──► known, asked again
//              │ 3 questions, no answer                │ 3 questions
//              └──────────────► forgotten ◄────────────┘ or not used
#pragma once

#include <array>
#include <cstddef>
#include <span>

#include "dpdk-wan/port/ip_address.h"
#include "dpdk-wan/port/limits.h"
#include "engine/base/time.h"

namespace causeway {

class NeighbourTable {
 public:
  // Null: not known; it is then asked for, unless the table is full of others
  // that are in use. Valid until the next call that is not const.
  const MacAddress* find(const IpAddress& address);

  // Is it being asked for, or known? What waits for another waits in vain.
  bool has(const IpAddress& address) const;

  // Said by the neighbour. What nobody asked for is believed of those only who
  // talk to us (`may_add`), and never at the cost of one in use.
  void learn(const IpAddress& address, const MacAddress& mac, bool may_add,
             Instant now);

  // Forgets what is too old, and writes whom to ask now into `questions`;
  // returns how many. What has no room in there stays due.
  size_t due(Instant now, std::span<IpAddress> questions);
  // When due() has something to do; kNever: not before another call.
  Instant next_due() const { return next_due_; }

 private:
  struct Neighbour {
    IpAddress address;
    MacAddress mac;
    bool present = false;
    bool known = false;
    bool used = false;  // since it was learned
    unsigned questions = 0;
    Instant due;
  };
  Neighbour* lookup(const IpAddress& address);
  Neighbour* make_room(bool asked_for);
  static bool expire(Neighbour& neighbour);
  void set_next_due();

  std::array<Neighbour, kNeighboursMax> neighbours_;
  size_t last_ = 0;  // found last: most find() calls are for one neighbour
  Instant next_due_ = kNever;
};

}  // namespace causeway
