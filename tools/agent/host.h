// Host: what the parts of an agent share. Owned by the Agent, outlives them
// all; its members are thread-safe.
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "engine/base/tls_files.h"
#include "engine/control/journal.h"
#include "tools/agent/guest_store.h"
#include "tools/agent/guest_table.h"
#include "tools/agent/loss_memory.h"
#include "tools/agent/metrics.h"
#include "tools/agent/path_wish.h"
#include "tools/agent/rdma_fabrics.h"
#include "tools/agent/undecided.h"
#include "tools/agent/vmm_launcher.h"
#include "tools/agent/watchers.h"

namespace causeway {

struct Host {
  std::string name;
  std::string program_folder;
  std::string mover_listen;     // "ADDRESS:0", where movers wait for the peer
  uint64_t memory_limit_bytes;  // what guests may use in all; 0: no limit
  std::optional<TlsFiles> tls;  // of this host; nothing: in the clear
  WanEnds wan;                  // of a target without any: where movers listen
  RdmaEnds rdma;
  std::string index;      // of content: open_content_index()
  std::string index_key;  // the file of its names' key
  GuestStore store;
  VmmLauncher launcher;
  Journal journal;
  Metrics metrics;
  Watchers watchers;
  GuestTable table;
  Undecided undecided;  // its moves hold claims of the table
  LossMemory losses;    // by the address of the other host's agent

  // Where this agent answers others, once it does.
  std::string address() const {
    const std::lock_guard lock(address_mutex);
    return listening_at;
  }
  mutable std::mutex address_mutex;
  std::string listening_at;
};

}  // namespace causeway
