#include "dpdk-wan/fec/group_receiver.h"

namespace causeway {

GroupReceiver::GroupReceiver(SymbolPlaces& places)
    : places_(places),
      repairs_(std::make_unique_for_overwrite<std::byte[]>(
          kFecGroupsOpenMax * kFecRepairsMax * kFecSymbolBytesMax)),
      scratch_(std::make_unique_for_overwrite<std::byte[]>(
          (kFecSymbolsMax + kFecRepairsMax) * kFecSymbolBytesMax)) {}

}  // namespace causeway
