// CommandReader: the agent's commands to a mover, one JSON object a line on
// stdin. The end of stdin means that the agent is gone or wants it to leave:
// both mean cancel.
#pragma once

#include <functional>
#include <string>

#include "engine/base/stepper.h"

namespace causeway {

class CommandReader final : public Stepper {
 public:
  // Blocks until the first line, the spec, has come; empty: stdin ended.
  std::string read_spec();

  // Called on the driving thread when a cancel has come.
  void on_cancel(std::function<void()> cancel) { cancel_ = std::move(cancel); }

  // The same for pause (true) and continue.
  void on_hold(std::function<void(bool)> hold) { hold_ = std::move(hold); }

  Instant step(Instant now) override;
  void wait_on(WaitSet& set) const override;
  bool done() const override { return ended_; }

 private:
  void obey(const std::string& line);

  std::string pending_;  // read, but not yet a whole line
  std::function<void()> cancel_;
  std::function<void(bool)> hold_;
  bool ended_ = false;
};

}  // namespace causeway
