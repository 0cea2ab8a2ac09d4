#include "hypervisor-shim/lab/workload.h"

#include <array>
#include <cmath>
#include <cstdlib>
#include <optional>

#include "engine/base/units.h"

namespace causeway::lab {

namespace {

constexpr std::string_view kWorkloadForms =
    "idle, uniform:RATE, hotset:RATE,FRACTION[,CHANGED], sequential:RATE, "
    "disk:RATE or mixed:RATE, with RATE in bytes a second (50M) or max";

struct NamedWorkload {
  std::string_view name;
  GuestWorkload kind;
};

constexpr std::array<NamedWorkload, 5> kPacedWorkloads = {{
    {"uniform", GUEST_WORKLOAD_UNIFORM},
    {"hotset", GUEST_WORKLOAD_HOTSET},
    {"sequential", GUEST_WORKLOAD_SEQUENTIAL},
    {"disk", GUEST_WORKLOAD_DISK},
    {"mixed", GUEST_WORKLOAD_MIXED},
}};

std::optional<GuestWorkload> find_workload(std::string_view name) {
  for (const auto& known : kPacedWorkloads) {
    if (known.name == name) return known.kind;
  }
  return std::nullopt;
}

Error bad_workload(std::string_view text, std::string_view what) {
  return make_error(ErrorCode::kInvalidArgument, "workload '{}': {}; use {}",
                    text, what, kWorkloadForms);
}

Error bad_content(std::string_view text, std::string_view what) {
  return make_error(ErrorCode::kInvalidArgument,
                    "content '{}': {}; use random, text, mixed, zero:SHARE or "
                    "shares:TEXT,ZERO",
                    text, what);
}

// "head<separator>tail"; the tail is empty when there is no separator.
struct Cut {
  std::string_view head;
  std::string_view tail;
  bool found;
};

Cut cut(std::string_view text, char separator) {
  const auto at = text.find(separator);
  if (at == std::string_view::npos) return {text, {}, false};
  return {text.substr(0, at), text.substr(at + 1), true};
}

Result<double> positive_share(std::string_view workload,
                              std::string_view text) {
  const auto share = parse_share(text);
  if (!share) return bad_workload(workload, share.error().message);
  if (*share > 0) return *share;
  return bad_workload(workload, "the fraction must not be 0");
}

Result<uint64_t> parse_workload_rate(std::string_view text) {
  if (text == "max") return UINT64_MAX;
  CAUSEWAY_ASSIGN(const uint64_t rate, parse_rate(text));
  return rate;
}

}  // namespace

Result<double> parse_share(std::string_view text) {
  const std::string copy(text);
  char* end = nullptr;
  const double value = std::strtod(copy.c_str(), &end);
  if (copy.empty() || *end != '\0' || !std::isfinite(value) || value < 0 ||
      value > 1) {
    return make_error(ErrorCode::kInvalidArgument,
                      "'{}' is not a share: use a number from 0 to 1", text);
  }
  return value;
}

Result<Workload> parse_workload(std::string_view text) {
  if (text == "idle") return Workload{};
  const Cut named = cut(text, ':');
  const auto kind = find_workload(named.head);
  if (!kind) return bad_workload(text, "there is no such workload");
  if (!named.found) return bad_workload(text, "it needs a rate");
  Workload workload;
  workload.kind = *kind;
  Cut rated{named.tail, {}, false};
  if (workload.kind == GUEST_WORKLOAD_HOTSET) {
    rated = cut(named.tail, ',');
    if (!rated.found) return bad_workload(text, "it needs a fraction");
    const Cut shares = cut(rated.tail, ',');
    CAUSEWAY_ASSIGN(workload.hot_share, positive_share(text, shares.head));
    if (shares.found) {
      CAUSEWAY_ASSIGN(workload.changed_share,
                      positive_share(text, shares.tail));
    }
  }
  auto rate = parse_workload_rate(rated.head);
  if (!rate) return bad_workload(text, rate.error().message);
  workload.rate_bytes_per_s = *rate;
  return workload;
}

Result<Content> parse_content(std::string_view text) {
  if (text == "random") return Content{GUEST_CONTENT_RANDOM, 0, 0};
  if (text == "text") return Content{GUEST_CONTENT_TEXT, 0, 0};
  if (text == "mixed") return Content{GUEST_CONTENT_MIXED, 0, 0};
  const Cut named = cut(text, ':');
  const bool zero = named.head == "zero";
  if (!named.found || (!zero && named.head != "shares")) {
    return bad_content(text, "there is no such content");
  }
  Content content{GUEST_CONTENT_SHARES, 0, 0};
  const Cut shares = cut(named.tail, ',');
  if (shares.found == zero)
    return bad_content(text, "these are not its shares");
  if (!zero) {
    auto share = parse_share(shares.head);
    if (!share) return bad_content(text, share.error().message);
    content.text_share = *share;
  }
  auto share = parse_share(zero ? named.tail : shares.tail);
  if (!share) return bad_content(text, share.error().message);
  content.zero_share = *share;
  if (content.text_share + content.zero_share > 1) {
    return bad_content(text, "its shares are more than all of it");
  }
  return content;
}

}  // namespace causeway::lab
