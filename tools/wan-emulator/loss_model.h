// LossModel: which frames an emulated link loses, by LossSettings. Owns its
// chances: the same seed loses the same frames.
//
// One thread; no clock, no allocation after construction.
#pragma once

#include <cstdint>
#include <random>

#include "tools/wan-emulator/link_settings.h"

namespace causeway {

class LossModel {
 public:
  explicit LossModel(uint64_t seed) : random_(seed) {}

  // Keeps the state that it is in.
  void set(const LossSettings& settings);

  // Of the next frame. To be asked once a frame, in their order.
  bool loses_next();

 private:
  LossSettings settings_;
  std::mt19937_64 random_;
  bool bad_ = false;
};

// Whether something of this `share` (0: never, 1: always) happens; the same in
// every standard library, unlike its distributions.
inline bool happens(std::mt19937_64& random, double share) {
  constexpr double kUnit = 1.0 / 9007199254740992.0;  // 2^-53
  return static_cast<double>(random() >> 11) * kUnit < share;
}

}  // namespace causeway
