// The disk of a guest: a sparse file that the agent makes, or the operator's
// own file or block device.
#pragma once

#include <cstdint>
#include <string>

#include "engine/base/result.h"
#include "engine/control/control.pb.h"

namespace causeway {

// Takes the size that was left open from the operator's file. An Error: no
// guest can have such a disk.
Status complete_disk(control::GuestConfig* config);

Status make_disk(const std::string& path, uint64_t bytes);

// Of a guest that runs: a disk that lost its end under it is better refused
// before a move than found in mid-move. `made`: where the agent makes one.
// kIo says what it has lost.
Status check_whole_disk(const control::GuestConfig& config,
                        const std::string& made, const std::string& host_name);

}  // namespace causeway
