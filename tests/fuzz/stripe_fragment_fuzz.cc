// What a striped path decodes of control messages, alone and as a channel
// takes them: pieces in any order, twice, far ahead, acknowledgements of
// anything.
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "engine/base/assert.h"
#include "engine/path/loopback/virtual_link.h"
#include "engine/path/stripe/fragment.h"
#include "engine/path/stripe/limits.h"
#include "engine/path/stripe/striped_path.h"

namespace {

using namespace causeway;  // NOLINT

void check_fragment(std::span<const std::byte> bytes) {
  const auto fragment = decode_fragment(bytes);
  if (!fragment) return;
  CAUSEWAY_ASSERT(fragment->bytes.size() <= kFragmentBytesMax);
  const auto again = encode_fragment(*fragment);
  CAUSEWAY_ASSERT(
      std::equal(again.begin(), again.end(), bytes.begin(), bytes.end()));
}

// A byte of length, then a message, again and again.
void feed_channel(std::span<const std::byte> bytes) {
  VirtualLink link({1e9, Duration(0)});
  const auto out = link.outbound();
  const auto in = link.inbound();
  InboundBoard board;
  board.post(0, *in);
  StripedInboundPath path(board, {});
  const auto victim = path.accept_control().value();
  const auto hostile = out->open_control().value();
  (void)victim->send(bytes.first(bytes.size() / 2)).has_value();
  Instant now{};
  while (!bytes.empty()) {
    const size_t length =
        std::min<size_t>(static_cast<uint8_t>(bytes[0]), bytes.size() - 1);
    if (!hostile->send(bytes.subspan(1, length))) return;
    bytes = bytes.subspan(1 + length);
    now += std::chrono::milliseconds(1);
    if (!victim->receive(now)) return;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::span bytes(reinterpret_cast<const std::byte*>(data), size);
  check_fragment(bytes);
  feed_channel(bytes);
  return 0;
}
