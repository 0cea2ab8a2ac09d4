// What the kernel knows about a stream (TCP_INFO).
#pragma once

#include "engine/path/path.h"

namespace causeway {

PathStats tcp_stats(int fd);

}  // namespace causeway
