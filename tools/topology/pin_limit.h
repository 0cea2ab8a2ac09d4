// PinLimit: how much memory a process may pin, which RDMA does with what it
// registers. A mover has its agent's limit, an agent that of whoever started
// it.
#pragma once

#include <cstdint>
#include <istream>
#include <optional>
#include <string>

#include "engine/base/result.h"

namespace causeway {

struct PinLimit {
  std::optional<uint64_t> soft_bytes;  // RLIMIT_MEMLOCK; nothing: no limit
  std::optional<uint64_t> hard_bytes;
  bool exempt = false;  // CAP_IPC_LOCK: the limit is not asked for

  // What counts; nothing: as much as there is.
  std::optional<uint64_t> bytes() const {
    return exempt ? std::nullopt : soft_bytes;
  }
};

// Of this process.
Result<PinLimit> read_pin_limit();

// Whether a process has CAP_IPC_LOCK in effect: `status` is its
// /proc/PID/status.
bool has_ipc_lock(std::istream& status);

// What to set so that `need_bytes` can be pinned; empty: they can.
std::string pin_advice(const PinLimit& limit, uint64_t need_bytes);

}  // namespace causeway
