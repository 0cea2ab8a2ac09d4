#include "tools/agent/line_watch.h"

#include "tools/agent/guest_json.h"

namespace causeway {

void LineWatch::see(const nlohmann::json& progress, Instant now) {
  const double rtt_ms = number_member(progress, "rtt_ms");
  trial_.rtt = Duration(static_cast<int64_t>(1e6 * rtt_ms));
  settled_.see({trial_.rtt, count_member(progress, "packets"),
                count_member(progress, "packets_lost")},
               now);
  first_round_ = text_member(progress, "stage") == "pre-copy" &&
                 count_member(progress, "round") <= 1 &&
                 !flag_member(progress, "held");
  trial_.loss = settled_.share();
  trial_.packets = settled_.packets();
  trial_.sent_bytes = count_member(progress, "sent_bytes");
  trial_.remaining_bytes = count_member(progress, "remaining_bytes");
}

std::optional<std::string> LineWatch::second_thoughts() const {
  return first_round_ ? why_begin_anew(trial_) : std::nullopt;
}

}  // namespace causeway
