// NamespacePair: two hosts on one machine: network namespaces joined by a veth
// pair, for a demo and for tests. They have no names: namespaces and link go
// with the last process in them, however their maker ends.
//
//   host-a ════════════════ host-b                      Wiring::kDirect
//   host-a ══ wan-a [middle] wan-b ══ host-b            Wiring::kThroughMiddle
//
// In the middle, a third namespace, somebody has to carry the frames from one
// interface to the other (tools/wan-emulator). The hosts then send frames of
// at most their MTU: segmentation is not left to the interface; and they know
// each other's MAC address without asking.
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
  static constexpr int kCablesMax = 2;

  // kPermission where namespaces may not be made.
  // `cables`: 1 or 2, for hosts with two lines; each has its own subnet.
  static Result<NamespacePair> create(Wiring wiring = Wiring::kDirect,
                                      int mtu = kMtuDefault, int cables = 1);

  // "10.77.0.1": of host 0 or 1. Nothing else is in there to collide with.
  std::string address(int host, int cable = 0) const;
  // "host-a": its end of the cable.
  std::string device(int host, int cable = 0) const;
  // Runs `work` (which starts the host's processes) on that host.
  Status run_on(int host, const std::function<Status()>& work);

  // Of a pair that has one: runs `work` in the middle, and the interface there
  // that leads to the host.
  Status run_in_middle(const std::function<Status()>& work);
  static std::string middle_interface(int host, int cable = 0);

  // Cuts the first cable between them, and mends it: packets are lost then,
  // connections are not told. Addresses stay.
  Status cut();
  Status mend();

 private:
  NamespacePair() = default;
  Status join(Wiring wiring, int mtu, int cable);
  Status join_directly(int cable);
  Status join_by_middle(int cable, const std::string& mtu);

  std::array<std::unique_ptr<NamespaceThread>, kHosts> hosts_;
  std::unique_ptr<NamespaceThread> middle_;
};

}  // namespace causeway
