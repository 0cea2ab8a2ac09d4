// What the two ends of a wan path have in common.
#pragma once

#include <cstdint>
#include <string>

#include "dpdk-wan/link/wan_link.h"
#include "dpdk-wan/wan_options.h"
#include "engine/path/stream/path_streams.h"

namespace causeway {

// `source`: of the end that connects.
WanLinkOptions link_options(const WanOptions& options, bool source);

// All streams of a link that is open and outlives them: control's and those
// of `workers`. `peer` is for the sentences.
PathStreams take_streams(WanLink& link, const std::string& peer,
                         uint16_t workers);

}  // namespace causeway
