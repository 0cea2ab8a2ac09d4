// DemoNetwork: where the demo's two hosts live. With the right to make them,
// two network namespaces joined by a veth pair, or by a link with a rate, a
// delay and losses; else, when no such link was asked for, the loopback.
#pragma once

#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "engine/base/result.h"
#include "tools/network/namespace_pair.h"
#include "tools/wan-emulator/emulator_process.h"

namespace causeway {

class DemoNetwork {
 public:
  // `note` says what it became, and why. `link`: rate, round trip and loss
  // (wan-emulator/link_spec.h); empty: none.
  static Result<DemoNetwork> create(const std::string& link, std::string* note);

  bool has_link() const { return emulator_ != nullptr; }
  // What the link has carried so far, and whether it was what it should be:
  // wan-emulator/README.md.
  Result<nlohmann::json> link_counters() { return emulator_->counters(); }

  // "10.77.0.1" or "127.0.0.1".
  std::string address(int host) const;
  // Runs `work` (which starts the host's processes) on that host.
  Status run_on(int host, const std::function<Status()>& work);

 private:
  // The emulator is told to end before its place goes.
  std::unique_ptr<NamespacePair> pair_;
  std::unique_ptr<EmulatorProcess> emulator_;
};

}  // namespace causeway
