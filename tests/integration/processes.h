// What a test sees of the processes of others, by /proc.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

namespace causeway::integration {

// Processes, apart from dead ones, whose command line has `text`.
std::vector<pid_t> processes_with(const std::string& text);
// Programs of Causeway whose parent is `parent`.
std::vector<pid_t> children_of(pid_t parent);
// Bound UNIX sockets whose path has `text`.
std::vector<std::string> sockets_with(const std::string& text);

// 'R', 'S', 'T' (stopped), 'Z' ...; 'X' when there is none.
char state_of(pid_t pid);
// All of it: a first thread that has ended says "zombie" while others still
// end, and the process has its sockets until the last one has.
bool has_ended(pid_t pid);

// Of its memory, what is locked or pinned.
uint64_t pinned_kib(pid_t pid);

}  // namespace causeway::integration
