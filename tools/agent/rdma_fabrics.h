// The RDMA fabrics that a host trusts: guests cross them unencrypted. A move
// goes by RDMA over the fabrics that both of its hosts list, by name, over all
// of them at once.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/result.h"
#include "engine/control/control.pb.h"
#include "rdma/limits.h"

namespace causeway {

struct RdmaFabric {
  std::string name;
  std::string device_address;  // of this host's verbs device on it: "ADDR:0"
};

// "NAME=ADDRESS". kInvalidArgument says what is wrong with it.
Result<RdmaFabric> parse_rdma_fabric(std::string_view text);

struct RdmaEnds {
  std::vector<RdmaFabric> fabrics;
  uint64_t pinned_bytes_max = kRdmaPinnedBytesDefault;  // of one move

  const RdmaFabric* find(std::string_view name) const;
  std::string names() const;  // "a, b" or "none", for the sentences
};

// Of a target: those of the source's fabrics that are its own too, at most
// kRdmaPortsMax. kInvalidArgument when there are none and it must be RDMA.
using FabricNames = google::protobuf::RepeatedPtrField<std::string>;
Result<std::vector<RdmaFabric>> choose_fabrics(const RdmaEnds& ends,
                                               const FabricNames& theirs,
                                               bool required);

// Of a source: what the target has chosen. kPeerBroken: what it cannot have.
Result<std::vector<RdmaFabric>> take_fabrics(const RdmaEnds& ends,
                                             const FabricNames& chosen);

// The members of a mover's spec that make its path go over the fabrics, at
// least one. `required`: somebody asked for it; else TCP will do.
void add_rdma(nlohmann::json* spec, const RdmaEnds& ends,
              const std::vector<RdmaFabric>& fabrics, bool required);

std::string fabric_names(const std::vector<RdmaFabric>& fabrics);  // "a, b"

}  // namespace causeway
