// Sandbox: what a lab VMM gives up before its guest's first instruction, so
// that who gets out of a guest, or into the VMM by one of its sockets, has that
// guest and nothing else of the host.
//
//   memory, disk file ─► drop_privileges() ─► machine, sockets, threads
//                          ─► forbid_system_calls() ─► the guest runs, or waits
//
// Both are for good.
#pragma once

#include <span>
#include <string>

#include "engine/base/result.h"

namespace causeway::lab {

// All capabilities, the way to new ones, and the right to remove files but
// beside `sockets`, which a VMM removes at its end. Before the first thread:
// each has its own rights.
Status drop_privileges(std::span<const std::string> sockets);

// Of every thread. What a running VMM calls stays, ioctl with `ioctls` alone,
// clone for threads alone; what a library may try and does without fails; any
// other call ends the process with SIGSYS (the kernel's log has its number).
// Does nothing in a build with sanitizers, which read /proc and start
// processes to look for leaks.
Status forbid_system_calls(std::span<const unsigned long> ioctls);

}  // namespace causeway::lab
