// NamespacePair: two hosts on one machine: network namespaces joined by a veth
// pair, for a demo and for tests. They have no names: namespaces and link go
// with the last process in them, however their maker ends.
//
// Not thread-safe.
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <string>

#include "engine/base/result.h"
#include "tools/network/namespace_thread.h"

namespace causeway {

class NamespacePair {
 public:
  static constexpr int kHosts = 2;

  // kPermission where namespaces may not be made.
  static Result<NamespacePair> create();

  // "10.77.0.1": of host 0 or 1. Nothing else is in there to collide with.
  std::string address(int host) const;
  // Runs `work` (which starts the host's processes) on that host.
  Status run_on(int host, const std::function<Status()>& work);

  // Cuts the cable between them, and mends it: packets are lost meanwhile,
  // connections are not told. Addresses stay.
  Status cut();
  Status mend();

 private:
  NamespacePair() = default;
  Status join();

  std::array<std::unique_ptr<NamespaceThread>, kHosts> hosts_;
};

}  // namespace causeway
