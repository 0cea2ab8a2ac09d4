#include "hypervisor-shim/client/shim_dirty_log.h"

namespace causeway {

using shim::MessageType;

Status ShimDirtyLog::start() {
  return connection_.call_empty(MessageType::kDirtyStart);
}

Result<Version> ShimDirtyLog::collect() {
  constexpr auto kType = MessageType::kDirtyCollect;
  CAUSEWAY_ASSIGN(
      const auto answer,
      connection_.call(kType, shim::encode_empty(connection_.next(kType))));
  return shim::decode_version(answer.payload);
}

Status ShimDirtyLog::rearm(BlockRange range) {
  constexpr auto kType = MessageType::kDirtyRearm;
  CAUSEWAY_ASSIGN(const auto answer,
                  connection_.call(kType, shim::encode_range(
                                              connection_.next(kType), range)));
  return shim::decode_empty(answer.payload);
}

void ShimDirtyLog::ack(BlockRange range, Version version) {
  // The VMM counts up before it reports anything new, so a collect that never
  // answered counts too.
  if (version != owed_.version()) return;
  owed_.bitmap(range.region).clear_range(range.first, range.count);
}

Status ShimDirtyLog::stop() {
  return connection_.call_empty(MessageType::kDirtyStop);
}

}  // namespace causeway
