// DemoNetwork: where the demo's two hosts live. With the right to make them,
// two network namespaces joined by a veth pair; else the loopback.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "engine/base/result.h"
#include "tools/network/namespace_pair.h"

namespace causeway {

class DemoNetwork {
 public:
  // `note` says which of the two it became, and why.
  static DemoNetwork create(std::string* note);

  // "10.77.0.1" or "127.0.0.1".
  std::string address(int host) const;
  // Runs `work` (which starts the host's processes) on that host.
  Status run_on(int host, const std::function<Status()>& work);

 private:
  std::optional<NamespacePair> pair_;
};

}  // namespace causeway
