// A frame's head: what each put costs besides its bytes.
#include <benchmark/benchmark.h>

#include <array>

#include "engine/base/assert.h"
#include "engine/path/stream/frame.h"

namespace causeway {
namespace {

constexpr PutHead kPut{PutKind::kRaw, 0, 7, 4096, 64, 64 * kBlockBytes};

void EncodePut(benchmark::State& state) {
  std::array<std::byte, kFrameHeadBytes> head;
  for (auto _ : state) {
    encode_put(kPut, head);
    benchmark::DoNotOptimize(head);
  }
  state.SetItemsProcessed(state.iterations());
}

void DecodeFrame(benchmark::State& state) {
  std::array<std::byte, kFrameHeadBytes> head;
  encode_put(kPut, head);
  for (auto _ : state) {
    benchmark::DoNotOptimize(head);
    const auto frame = decode_frame(head);
    CAUSEWAY_ASSERT(frame.has_value() && frame->put.blocks == kPut.blocks);
  }
  state.SetItemsProcessed(state.iterations());
}

BENCHMARK(EncodePut);
BENCHMARK(DecodeFrame);

}  // namespace
}  // namespace causeway
