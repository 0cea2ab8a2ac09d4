#include "dpdk-wan/fec/group_sender.h"

namespace causeway {

GroupSender::GroupSender()
    : wire_(std::make_unique_for_overwrite<std::byte[]>(kFecSymbolsMax *
                                                        kSymbolWireBytesMax)) {}

}  // namespace causeway
