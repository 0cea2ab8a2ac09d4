// What becomes of a guest on its way here once its mover is gone: the journal
// says, whether the mover ended well, was killed, or an earlier agent had it.
//
//   nothing    the source cannot have committed   ─► discarded
//   prepared   the source may have: it is asked   ─► undecided
//   running    it was told                        ─► it runs (here and now, if
//                                                    the mover had no time to;
//                                                    undecided while its VMM
//                                                    does not answer)
//   discarded                                     ─► discarded
#pragma once

#include <memory>
#include <string>

#include "engine/base/result.h"
#include "tools/agent/host.h"
#include "tools/agent/new_guest.h"

namespace causeway {

enum class ArrivalEnd {
  kRuns,
  kDied,  // it should, and its VMM is gone
  kDiscarded,
  kUndecided,
};

// `called_off`: the source, or whoever may, has said that it stays there.
// `why` is for the journal. The mover must be dead.
ArrivalEnd conclude_arrival(Host* host, const std::string& migration,
                            std::unique_ptr<NewGuest> guest, bool called_off,
                            const std::string& why);

}  // namespace causeway
