// The RDMA fabrics that a host trusts: guests cross them unencrypted. A move
// goes by RDMA over a fabric that both of its hosts list, by name.
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

// Of a target: the first of the source's fabrics that is its own too, or
// nullptr: none is. kInvalidArgument when it must be RDMA.
using FabricNames = google::protobuf::RepeatedPtrField<std::string>;
Result<const RdmaFabric*> choose_fabric(const RdmaEnds& ends,
                                        const FabricNames& theirs,
                                        bool required);

// The members of a mover's spec that make its path go over the fabric.
// `required`: somebody asked for it; else TCP will do.
void add_rdma(nlohmann::json* spec, const RdmaEnds& ends,
              const RdmaFabric& fabric, bool required);

}  // namespace causeway
