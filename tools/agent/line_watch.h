// LineWatch: what a mover's progress says of the line to the target: what it
// loses, for the next move, and whether this one had better begin anew.
//
// One owner, one thread.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "engine/policy/congestion_choice.h"
#include "engine/policy/settled_loss.h"
#include "tools/agent/loss_memory.h"

namespace causeway {

class LineWatch {
 public:
  // A `progress` event of the source's mover.
  void see(const nlohmann::json& progress, Instant now);

  LossMemory::Measurement loss() const {
    return {settled_.share(), settled_.packets()};
  }
  // Of a move by BBR2 for want of knowledge: why BBR is done sooner, if it is.
  std::optional<std::string> second_thoughts() const;

 private:
  SettledLoss settled_;
  bool first_round_ = false;  // and not held, which would be forgotten
  CongestionTrial trial_;
};

}  // namespace causeway
