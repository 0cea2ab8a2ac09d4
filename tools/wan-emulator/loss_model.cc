#include "tools/wan-emulator/loss_model.h"

namespace causeway {

void LossModel::set(const LossSettings& settings) {
  settings_ = settings;
  if (settings_.to_bad == 0) bad_ = false;  // it would never be entered
}

bool LossModel::loses_next() {
  if (settings_.to_bad > 0) {
    const bool changes =
        happens(random_, bad_ ? settings_.to_good : settings_.to_bad);
    if (changes) bad_ = !bad_;
  }
  const double share = bad_ ? settings_.loss_bad : settings_.loss_good;
  return share > 0 && happens(random_, share);
}

}  // namespace causeway
