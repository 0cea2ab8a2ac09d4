#include "tools/causeway/demo_network.h"

#include <fmt/format.h>

namespace causeway {

DemoNetwork DemoNetwork::create(std::string* note) {
  DemoNetwork network;
  auto pair = NamespacePair::create();
  if (pair) {
    *note = "two hosts: network namespaces joined by a veth pair";
    network.pair_.emplace(std::move(*pair));
    return network;
  }
  *note = fmt::format(
      "two hosts on the loopback (network namespaces need root: {})",
      pair.error().message);
  return network;
}

std::string DemoNetwork::address(int host) const {
  return pair_ ? pair_->address(host) : "127.0.0.1";
}

Status DemoNetwork::run_on(int host, const std::function<Status()>& work) {
  return pair_ ? pair_->run_on(host, work) : work();
}

}  // namespace causeway
