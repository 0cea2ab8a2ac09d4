// LaneEnds: the two addresses of one lane of a striped wan path.
#pragma once

#include <string>

namespace causeway {

struct LaneEnds {
  std::string local;  // "address:0"; empty: what the route says
  std::string peer;   // "address:port"; of a listening end: empty
};

}  // namespace causeway
