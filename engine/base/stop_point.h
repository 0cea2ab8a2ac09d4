// Stop points: named moments at which a process stops itself (SIGSTOP), so that
// a test can do to it, or to the others, what it likes exactly there, and then
// let it go on. CAUSEWAY_STOP_AT=NAME, or NAME@N for the N-th time. Compiled in
// where CAUSEWAY_STOP_POINTS is defined (every build but release).
#pragma once

namespace causeway {

#ifdef CAUSEWAY_STOP_POINTS
void stop_point(const char* name);
#else
inline void stop_point(const char*) {}
#endif

}  // namespace causeway
