// NamespacePair: two hosts on one machine: network namespaces joined by a veth
// pair, for a demo and for tests. They have no names: namespaces and link go
// with the last process in them, however their maker ends.
//
//   host-a ════════════════ host-b                      Wiring::kDirect
//   host-a ══ wan-a [middle] wan-b ══ host-b            Wiring::kThroughMiddle
//
// In the middle, a third namespace, somebody has to carry the frames from one
// interface to the other (tools/wan-emulator). The hosts then send frames of
// at most their MTU: segmentation is not left to the interface.
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

enum class Wiring { kDirect, kThroughMiddle };

class NamespacePair {
 public:
  static constexpr int kHosts = 2;
  static constexpr int kMtuDefault = 1500;

  // kPermission where namespaces may not be made.
  static Result<NamespacePair> create(Wiring wiring = Wiring::kDirect,
                                      int mtu = kMtuDefault);

  // "10.77.0.1": of host 0 or 1. Nothing else is in there to collide with.
  std::string address(int host) const;
  // "host-a": its end of the cable.
  std::string device(int host) const;
  // Runs `work` (which starts the host's processes) on that host.
  Status run_on(int host, const std::function<Status()>& work);

  // Of a pair that has one: runs `work` in the middle, and the interface there
  // that leads to the host.
  Status run_in_middle(const std::function<Status()>& work);
  static std::string middle_interface(int host);

  // Cuts the cable between them, and mends it: packets are lost meanwhile,
  // connections are not told. Addresses stay.
  Status cut();
  Status mend();

 private:
  NamespacePair() = default;
  Status join(Wiring wiring, int mtu);
  Status join_directly();
  Status join_by_middle();

  std::array<std::unique_ptr<NamespaceThread>, kHosts> hosts_;
  std::unique_ptr<NamespaceThread> middle_;
};

}  // namespace causeway
