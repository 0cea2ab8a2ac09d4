// Real-time priority for the calling thread: without it another program's turn
// of the processor makes frames late, by milliseconds and more.
#pragma once

#include <string>

namespace causeway {

// Asks for it, and for exact timers. Returns why it was not to be had; empty:
// it was.
std::string take_real_time_priority();

}  // namespace causeway
