#include "tools/agent/guest_store.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <cctype>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "engine/base/limits.h"
#include "tools/agent/guest_json.h"

namespace causeway {
namespace {

namespace fs = std::filesystem;

// struct sockaddr_un, less its end.
constexpr size_t kSocketPathBytesMax = 107;

Status make_folder(const std::string& path) {
  if (mkdir(path.c_str(), 0700) == 0 || errno == EEXIST) return {};
  return errno_error(errno, "making the folder " + path);
}

// No guest's name begins with a dot.
std::string hidden_folder(const std::string& folder, const std::string& name) {
  return folder + "/guests/." + name;
}

void remove_hidden_folders(const std::string& folder) {
  std::error_code ignored;
  for (const auto& entry :
       fs::directory_iterator(folder + "/guests", ignored)) {
    if (entry.path().filename().string().starts_with('.')) {
      fs::remove_all(entry.path(), ignored);
    }
  }
}

// A reader, or a crash, finds the old record or the new one.
Status write_record(const GuestRecord& record, const std::string& path) {
  const std::string fresh = path + ".new";
  const nlohmann::json json = {{"config", config_to_json(record.config)},
                               {"pid", record.pid},
                               {"start_ticks", record.start_ticks},
                               {"incoming", record.incoming}};
  {
    std::ofstream file(fresh, std::ios::trunc);
    file << json.dump(2) << "\n";
    file.flush();
    if (!file) return errno_error(errno, "writing " + fresh);
  }
  if (rename(fresh.c_str(), path.c_str()) != 0) {
    return errno_error(errno, "renaming " + fresh);
  }
  return {};
}

Status make_and_move(const GuestRecord& record, const std::string& hidden,
                     const std::string& folder) {
  // Nothing that an incomplete removal left there comes along.
  std::error_code ignored;
  fs::remove_all(hidden, ignored);
  CAUSEWAY_TRY(make_folder(hidden));
  CAUSEWAY_TRY(write_record(record, hidden + "/guest.json"));
  if (rename(hidden.c_str(), folder.c_str()) == 0) return {};
  if (errno == ENOTEMPTY || errno == EEXIST) {
    return make_error(ErrorCode::kAlreadyExists,
                      "there is a guest named {} already",
                      record.config.name());
  }
  return errno_error(errno, "making the folder " + folder);
}

}  // namespace

Status check_guest_name(const std::string& name) {
  bool ok = !name.empty() && name.size() <= kNameBytesMax && name[0] != '.' &&
            name[0] != '-';
  for (const char c : name) {
    const bool allowed = std::isalnum(static_cast<unsigned char>(c)) ||
                         c == '.' || c == '_' || c == '-';
    ok = ok && allowed;
  }
  if (ok) return {};
  return make_error(ErrorCode::kInvalidArgument,
                    "\"{}\" is no name for a guest: use at most {} letters, "
                    "digits, '.', '_' and '-', a letter or digit first",
                    name, kNameBytesMax);
}

Result<GuestStore> GuestStore::open(const std::string& state_folder) {
  std::error_code ignored;
  const std::string folder = fs::absolute(state_folder, ignored).string();
  fs::create_directories(fs::path(folder).parent_path(), ignored);
  CAUSEWAY_TRY(make_folder(folder));
  CAUSEWAY_TRY(make_folder(folder + "/guests"));
  const std::string lock_path = folder + "/lock";
  UniqueFd lock(::open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!lock) return errno_error(errno, "opening " + lock_path);
  if (flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    return make_error(ErrorCode::kAlreadyExists,
                      "another agent uses the state folder {}; stop it or "
                      "give this one its own --state",
                      folder);
  }
  remove_hidden_folders(folder);
  return GuestStore(folder, std::move(lock));
}

GuestPaths GuestStore::paths(const std::string& name) const {
  GuestPaths paths;
  paths.folder = folder_ + "/guests/" + name;
  paths.record = paths.folder + "/guest.json";
  paths.disk = paths.folder + "/disk.raw";
  paths.shim_socket = paths.folder + "/shim.sock";
  paths.monitor_socket = paths.folder + "/monitor.sock";
  paths.log = paths.folder + "/vmm.log";
  return paths;
}

Result<GuestPaths> GuestStore::create(const GuestRecord& record) const {
  const std::string& name = record.config.name();
  CAUSEWAY_TRY(check_guest_name(name));
  GuestPaths made = paths(name);
  if (made.monitor_socket.size() > kSocketPathBytesMax) {
    return make_error(ErrorCode::kInvalidArgument,
                      "the socket path {} is longer than {} characters; use a "
                      "shorter guest name or --state",
                      made.monitor_socket, kSocketPathBytesMax);
  }
  const std::string hidden = hidden_folder(folder_, name);
  const Status moved = make_and_move(record, hidden, made.folder);
  if (moved) return made;
  std::error_code ignored;
  fs::remove_all(hidden, ignored);
  return moved.error();
}

Status GuestStore::save(const GuestRecord& record) const {
  return write_record(record, paths(record.config.name()).record);
}

Result<GuestRecord> GuestStore::load(const std::string& name) const {
  const std::string path = paths(name).record;
  std::ifstream file(path);
  if (!file) return errno_error(errno, "opening " + path);
  const auto json = nlohmann::json::parse(file, nullptr, false);
  GuestRecord record;
  try {
    record.config = config_from_json(json.at("config"));
    record.pid = json.at("pid").get<pid_t>();
    record.start_ticks = json.at("start_ticks").get<uint64_t>();
    record.incoming = json.at("incoming").get<std::string>();
  } catch (const nlohmann::json::exception& e) {
    return make_error(ErrorCode::kIo, "{} is damaged: {}", path, e.what());
  }
  if (record.config.name() != name) {
    return make_error(ErrorCode::kIo, "{} is of another guest, {}", path,
                      record.config.name());
  }
  return record;
}

void GuestStore::remove(const std::string& name) const {
  // In one step, or a crash would leave a part without its record.
  const std::string hidden = hidden_folder(folder_, name);
  std::error_code ignored;
  fs::remove_all(hidden, ignored);
  fs::rename(paths(name).folder, hidden, ignored);
  fs::remove_all(hidden, ignored);
}

std::vector<std::string> GuestStore::names() const {
  std::vector<std::string> names;
  std::error_code ignored;
  for (const auto& entry :
       fs::directory_iterator(folder_ + "/guests", ignored)) {
    const std::string name = entry.path().filename().string();
    if (check_guest_name(name)) names.push_back(name);
  }
  return names;
}

}  // namespace causeway
