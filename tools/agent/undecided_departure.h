// What becomes of a guest on its way from here once its mover is gone without
// a report. The journal and the guest's own word say:
//
//   nothing                    never committed       ─► aborted, it stays
//   committed, it runs here    Commit was never sent ─► aborted, it stays
//   committed, frozen or dead  the target may run it ─► undecided: told to run
//                              it until it says that it does, or never will
#pragma once

#include <string>

#include "engine/base/result.h"
#include "tools/agent/guest_table.h"
#include "tools/agent/host.h"

namespace causeway {

enum class DepartureEnd { kStays, kUndecided };

// Of a committed guest, before the target is told to run it: kFrozen also when
// its VMM is gone; kRunning: Commit was never sent; kUnknown while its VMM
// lives and does not answer.
enum class CommittedImage { kFrozen, kRunning, kUnknown };
CommittedImage look_at_image(const Host& host, const std::string& guest);

// `why` is for the journal. The mover must be dead. When the guest stays it
// runs when this returns, if its VMM lives.
DepartureEnd conclude_departure(Host* host, const std::string& migration,
                                GuestTable::Claim claim,
                                const std::string& why);

// For the caller of an undecided migration, of which `row` says which guest
// goes where: what the agents have found out within kUndecidedWait, or that
// they have not. `why`: how its mover ended. Blocks so long.
Error undecided_error(const Host& host, const JournalEntry& row,
                      const std::string& why);

}  // namespace causeway
