#include "tools/causeway/report_text.h"

#include <fmt/core.h>

#include "engine/base/units.h"
#include "tools/agent/guest_json.h"

namespace causeway {
namespace {

const nlohmann::json& member(const nlohmann::json& object, const char* key) {
  static const nlohmann::json kNone = nlohmann::json::object();
  const auto found = object.find(key);
  return found == object.end() ? kNone : *found;
}

std::string head_text(const nlohmann::json& report) {
  std::string text = fmt::format(
      "guest {} has moved in {:.2f} s; blackout {:.2f} ms",
      text_member(report, "guest"), number_member(report, "total_s"),
      number_member(report, "blackout_ms"));
  if (report.contains("guest_blackout_ms")) {
    text += fmt::format(" (by the guest's own clock {:.2f} ms)",
                        number_member(report, "guest_blackout_ms"));
  }
  return text + "\n";
}

std::string ledger_text(const nlohmann::json& ledger) {
  std::string text = "  ledger   ";
  const char* between = "";
  for (const auto& [line, ms] : ledger.items()) {
    if (!ms.is_number()) continue;
    text += fmt::format("{}{} {:.2f}", between, line, ms.get<double>());
    between = ", ";
  }
  return text + " ms\n";
}

std::string rounds_text(const nlohmann::json& rounds) {
  std::string text =
      "  rounds   round     blocks    state     wire     time "
      "dirty rate\n";
  for (const auto& round : rounds) {
    if (!round.is_object()) continue;
    text += fmt::format(
        "           {:>5} {:>10} {:>8} {:>8} {:>8} {:>10}\n",
        count_member(round, "round"), count_member(round, "blocks"),
        format_bytes(count_member(round, "bytes")),
        format_bytes(count_member(round, "wire_bytes")),
        format_duration(Duration(
            static_cast<int64_t>(number_member(round, "seconds") * 1e9))),
        format_rate(number_member(round, "dirty_rate")));
  }
  return text;
}

std::string proof_text(const nlohmann::json& report) {
  std::string text = fmt::format("  proof    content {}verified",
                                 flag_member(report, "verified") ? "" : "NOT ");
  if (report.contains("guest_steps_lost")) {
    text += fmt::format(", {} guest steps lost",
                        count_member(report, "guest_steps_lost"));
  }
  return text + "\n";
}

// What became of the guest's bytes, and the level that was chosen last.
std::string codec_text(const nlohmann::json& report) {
  const nlohmann::json& bytes = member(report, "bytes");
  std::string parts;
  for (const char* method :
       {"zero", "raw", "deflated", "delta", "copy", "reference", "pieced"}) {
    const uint64_t of_method = count_member(bytes, method);
    if (of_method == 0) continue;
    parts += fmt::format("{}{} {}", parts.empty() ? "" : ", ", method,
                         format_bytes(of_method));
  }
  const std::string chosen = text_member(report, "codec");
  return fmt::format("  codec    {}; {}\n", chosen.substr(0, chosen.find(": ")),
                     parts);
}

// Of a move that gave itself up, to begin anew with what it had learnt.
std::string begun_anew_text(const nlohmann::json& report) {
  if (!report.contains("begun_anew")) return "";
  const nlohmann::json& earlier = member(report, "begun_anew");
  return fmt::format("  anew     after {:.1f} s: {}\n",
                     number_member(earlier, "seconds"),
                     text_member(earlier, "why"));
}

// What repair did while the guest stood still.
std::string fec_text(const nlohmann::json& report) {
  if (!report.contains("fec")) return "";
  const nlohmann::json& fec = member(report, "fec");
  return fmt::format(
      "  fec      {} symbols in {} groups, and {} of repair: {} groups "
      "recovered, {} symbols sent again\n",
      count_member(fec, "symbols"), count_member(fec, "groups"),
      count_member(fec, "repairs"), count_member(fec, "recovered"),
      count_member(fec, "resent"));
}

// Of a striped path: what each lane carried.
std::string lanes_text(const nlohmann::json& report) {
  std::string text;
  if (!report.contains("lanes")) return text;
  for (const nlohmann::json& lane : member(report, "lanes")) {
    const uint64_t losses = count_member(lane, "losses");
    text += fmt::format(
        "  lane     {} to {}: {}, {}/s, {}\n", text_member(lane, "address"),
        text_member(lane, "peer"), format_bytes(count_member(lane, "bytes")),
        format_bytes(
            static_cast<uint64_t>(number_member(lane, "rate_bytes_s"))),
        losses == 0 ? "never lost" : fmt::format("lost {} times", losses));
  }
  return text;
}

std::string joined(const nlohmann::json& names) {
  std::string all;
  for (const auto& name : names) {
    if (!name.is_string()) continue;
    all += (all.empty() ? "" : ", ") + name.get<std::string>();
  }
  return all;
}

// Of an rdma path: what crossed the fabric, in the clear.
std::string rdma_text(const nlohmann::json& report) {
  if (report.contains("why_not_rdma")) {
    return fmt::format("  rdma     not: {}\n",
                       text_member(report, "why_not_rdma"));
  }
  if (!report.contains("rdma")) return "";
  const nlohmann::json& rdma = member(report, "rdma");
  std::string text = fmt::format(
      "  rdma     fabric {}, not encrypted: {} in {} WRITEs and {} messages; "
      "at most {} pinned\n",
      joined(member(rdma, "fabrics")),
      format_bytes(count_member(rdma, "written_bytes")),
      count_member(rdma, "writes"), count_member(rdma, "messages"),
      format_bytes(count_member(rdma, "pinned_bytes_most")));
  if (const uint64_t left = count_member(rdma, "streams_used"); left > 0) {
    text += fmt::format("           {} of its connections broke: TCP instead\n",
                        left);
  }
  return text;
}

// Whoever reads it wants to know whether to start it.
std::string dry_run_text(const nlohmann::json& report) {
  const double round_s = number_member(report, "first_round_s");
  const std::string length =
      round_s > 0
          ? format_duration(Duration(static_cast<int64_t>(round_s * 1e9)))
          : "a time not known yet";
  return fmt::format(
      "guest {} could move: the target has room and the CPU features, and the "
      "movers\nreached each other (round trip {:.2f} ms, {} streams). One pass "
      "over all of the guest\nwould take {}; a guest that writes needs more. "
      "Nothing has moved.\n",
      text_member(report, "guest"), number_member(report, "rtt_ms"),
      count_member(report, "streams"), length);
}

}  // namespace

std::string report_text(const nlohmann::json& report) {
  if (flag_member(report, "dry_run")) return dry_run_text(report);
  std::string text = head_text(report);
  const std::string congestion = text_member(report, "congestion");
  text += fmt::format("  mode     {}, path {}{}, {} stream{}\n",
                      text_member(report, "mode"), text_member(report, "path"),
                      congestion.empty() ? "" : " by " + congestion,
                      count_member(report, "streams"),
                      count_member(report, "streams") == 1 ? "" : "s");
  text += begun_anew_text(report);
  text += ledger_text(member(report, "ledger"));
  text += rounds_text(member(report, "rounds"));
  const nlohmann::json& bytes = member(report, "bytes");
  text += fmt::format("  bytes    state {}, wire {}\n",
                      format_bytes(count_member(bytes, "state")),
                      format_bytes(count_member(bytes, "wire")));
  text += fec_text(report);
  text += lanes_text(report);
  text += rdma_text(report);
  text += codec_text(report);
  text += fmt::format("  dedup    {}\n", text_member(report, "dedup"));
  text += proof_text(report);
  const nlohmann::json& engine = member(report, "engine");
  text += fmt::format("  engine   cpu {:.2f} s, memory {}\n",
                      number_member(engine, "cpu_s"),
                      format_bytes(count_member(engine, "rss_bytes")));
  return text;
}

}  // namespace causeway
