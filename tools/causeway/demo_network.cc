#include "tools/causeway/demo_network.h"

#include <fmt/format.h>

#include "engine/base/units.h"
#include "tools/wan-emulator/link_spec.h"

namespace causeway {

Result<DemoNetwork> DemoNetwork::create(const std::string& link,
                                        std::string* note) {
  DemoNetwork network;
  auto pair = NamespacePair::create(link.empty() ? Wiring::kDirect
                                                 : Wiring::kThroughMiddle);
  if (!pair && !link.empty()) {
    return make_error(pair.error().code,
                      "a link (--link) needs network namespaces, and these "
                      "need root: {}",
                      pair.error().message);
  }
  if (!pair) {
    *note = fmt::format(
        "two hosts on the loopback (network namespaces need root: {})",
        pair.error().message);
    return network;
  }
  network.pair_ = std::make_unique<NamespacePair>(std::move(*pair));
  *note = "two hosts: network namespaces joined by a veth pair";
  if (link.empty()) return network;
  CAUSEWAY_ASSIGN(
      network.emulator_,
      EmulatorProcess::start(network.pair_.get(),
                             program_folder() + "/causeway-wan-emulator",
                             {"--link", link}));
  CAUSEWAY_ASSIGN(const LinkSpec spec, parse_link_spec(link));
  *note = fmt::format(
      "two hosts: network namespaces joined by a link of {}, round trip {}, "
      "loss {:g}%",
      format_bit_rate(spec.rate_bits_s), format_duration(spec.round_trip),
      spec.loss * 100);
  return network;
}

std::string DemoNetwork::address(int host) const {
  return pair_ ? pair_->address(host) : "127.0.0.1";
}

Status DemoNetwork::run_on(int host, const std::function<Status()>& work) {
  return pair_ ? pair_->run_on(host, work) : work();
}

}  // namespace causeway
