// Change: what a script or a command does to the link while it runs.
//
//   a-to-b | b-to-a | both  SETTINGS        (link_spec.h)
//
// A script is a file with a change a line, in order of time since the start,
// which comes first; # begins a comment:
//
//   10s    both     loss=100%
//   11.5s  both     loss=0%
//   20s    a-to-b   rate=50M,delay=40ms
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/result.h"
#include "tools/wan-emulator/link_settings.h"

namespace causeway {

inline constexpr int kDirections = 2;
// "a-to-b"
const char* direction_name(int direction);

using LinkPair = std::array<LinkSettings, kDirections>;

struct Change {
  Duration at{};  // since the start
  std::array<bool, kDirections> directions{};
  std::string settings;
};

// "both loss=1%"
Result<Change> parse_change(std::string_view text);
Status apply_change(const Change& change, LinkPair* links);

// Each change is tried, from `links` on, so that a script does not fail in
// the middle of a run. Errors name the line.
Result<std::vector<Change>> parse_script(std::string_view text, LinkPair links);
Result<std::vector<Change>> read_script(const std::string& path,
                                        const LinkPair& links);

}  // namespace causeway
