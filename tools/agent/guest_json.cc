#include "tools/agent/guest_json.h"

#include <string>

namespace causeway {

nlohmann::json config_to_json(const control::GuestConfig& config) {
  return {{"name", config.name()},
          {"hypervisor", config.hypervisor()},
          {"memory_bytes", config.memory_bytes()},
          {"page_bytes", config.page_bytes()},
          {"vcpus", config.vcpus()},
          {"disk_bytes", config.disk_bytes()},
          {"disk_path", config.disk_path()},
          {"workload", config.workload()},
          {"content", config.content()},
          {"used", config.used()},
          {"seed", config.seed()},
          {"domain", config.domain()},
          {"tracker", config.tracker()},
          {"cpu_mask", std::vector<std::string>(config.cpu_mask().begin(),
                                                config.cpu_mask().end())}};
}

control::GuestConfig config_from_json(const nlohmann::json& json) {
  control::GuestConfig config;
  config.set_name(json.at("name").get<std::string>());
  config.set_hypervisor(json.at("hypervisor").get<std::string>());
  config.set_memory_bytes(json.at("memory_bytes").get<uint64_t>());
  config.set_page_bytes(json.at("page_bytes").get<uint32_t>());
  config.set_vcpus(json.at("vcpus").get<uint32_t>());
  config.set_disk_bytes(json.at("disk_bytes").get<uint64_t>());
  config.set_disk_path(json.at("disk_path").get<std::string>());
  config.set_workload(json.at("workload").get<std::string>());
  config.set_content(json.at("content").get<std::string>());
  config.set_used(json.at("used").get<double>());
  config.set_seed(json.at("seed").get<uint64_t>());
  config.set_domain(json.value("domain", ""));  // older agents wrote none
  config.set_tracker(json.at("tracker").get<std::string>());
  for (const auto& feature : json.at("cpu_mask")) {
    config.add_cpu_mask(feature.get<std::string>());
  }
  return config;
}

nlohmann::json status_to_json(const control::GuestStatus& status) {
  nlohmann::json json = config_to_json(status.config());
  json["state"] = status.state();
  if (!status.why().empty()) json["why"] = status.why();
  if (!status.notice().empty()) json["notice"] = status.notice();
  json["pid"] = status.pid();
  json["filled"] = status.filled();
  json["steps"] = status.steps();
  json["blackout_ms"] = status.blackout_ms();
  const nlohmann::json monitor = parse_object(status.monitor_json());
  if (!monitor.empty()) json["monitor"] = monitor;
  return json;
}

nlohmann::json parse_object(const std::string& text) {
  nlohmann::json json = nlohmann::json::parse(text, nullptr, false);
  if (!json.is_object()) return nlohmann::json::object();
  return json;
}

std::string text_member(const nlohmann::json& object, const char* key,
                        const std::string& fallback) {
  const auto found = object.find(key);
  if (found == object.end() || !found->is_string()) return fallback;
  return found->get<std::string>();
}

double number_member(const nlohmann::json& object, const char* key,
                     double fallback) {
  const auto found = object.find(key);
  if (found == object.end() || !found->is_number()) return fallback;
  return found->get<double>();
}

uint64_t count_member(const nlohmann::json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end() || !found->is_number_integer()) return 0;
  return found->get<uint64_t>();
}

std::vector<uint64_t> counts_member(const nlohmann::json& object,
                                    const char* key) {
  std::vector<uint64_t> counts;
  const auto found = object.find(key);
  if (found == object.end() || !found->is_array()) return counts;
  for (const auto& count : *found) {
    if (count.is_number_unsigned()) counts.push_back(count.get<uint64_t>());
  }
  return counts;
}

bool flag_member(const nlohmann::json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_boolean() && found->get<bool>();
}

}  // namespace causeway
