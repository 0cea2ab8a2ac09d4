// Symbols and their records. The input is a stream of records, whose symbols
// go to a receiver with a small window: whatever comes, nothing is written
// outside, and what is whole only grows.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "dpdk-wan/fec/group_receiver.h"
#include "dpdk-wan/fec/symbol_records.h"
#include "engine/base/assert.h"

namespace {

using namespace causeway;  // NOLINT

constexpr uint16_t kStreams = 2;
constexpr size_t kWindow = 64u << 10;

class Places final : public SymbolPlaces {
 public:
  bool has(uint16_t stream) const override { return stream < kStreams; }
  uint64_t end(uint16_t stream) const override { return ends_[stream]; }
  uint64_t limit(uint16_t stream) const override {
    return ends_[stream] + kWindow;
  }
  void place(uint16_t stream, uint64_t position,
             std::span<const std::byte> bytes) override {
    check(stream, position, bytes.size());
    for (const std::byte each : bytes) window_[position++ % kWindow] = each;
  }
  void fetch(uint16_t stream, uint64_t position,
             std::span<std::byte> into) const override {
    check(stream, position, into.size());
    for (std::byte& each : into) each = window_[position++ % kWindow];
  }
  void extend(uint16_t stream, uint64_t end) override {
    CAUSEWAY_ASSERT(end > ends_[stream] && end <= limit(stream));
    ends_[stream] = end;
  }

 private:
  void check(uint16_t stream, uint64_t position, size_t bytes) const {
    CAUSEWAY_ASSERT(has(stream) && position >= end(stream));
    CAUSEWAY_ASSERT(position + bytes <= limit(stream));
  }
  uint64_t ends_[kStreams] = {};
  std::vector<std::byte> window_ = std::vector<std::byte>(kWindow);
};

class Taker final : public SymbolRecords::Taker {
 public:
  Status take_symbol(std::span<const std::byte> symbol) override {
    return receiver_->take(symbol);
  }

 private:
  Places places_;
  std::unique_ptr<GroupReceiver> receiver_ =
      std::make_unique<GroupReceiver>(places_);
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto* bytes = reinterpret_cast<const std::byte*>(data);
  (void)decode_symbol({bytes, size});
  Taker taker;
  SymbolRecords records;
  const size_t half = size / 2;
  if (records.take({bytes, half}, taker)) {
    (void)records.take({bytes + half, size - half}, taker);
  }
  return 0;
}
