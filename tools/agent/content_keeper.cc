#include "tools/agent/content_keeper.h"

#include <poll.h>
#include <signal.h>
#include <spdlog/spdlog.h>
#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>
#include <set>

#include "tools/agent/limits.h"
#include "tools/process/child_process.h"

namespace causeway {
namespace {

namespace fs = std::filesystem;

constexpr int kNice = 15;

// What the lab's VMMs, and any that embeds the shim, call their RAM.
constexpr std::string_view kRamPrefix = "/memfd:causeway-ram-";

// `causeway index` says so by its exit code (tools/README.md).
constexpr int kOtherWriterExitCode = 4;

// One path for each memfd, which may have several descriptors.
std::vector<std::string> ram_of(pid_t vmm) {
  std::vector<std::string> paths;
  std::set<std::string> seen;
  std::error_code gone;
  for (const auto& entry :
       fs::directory_iterator(fmt::format("/proc/{}/fd", vmm), gone)) {
    std::error_code closed;
    const fs::path target = fs::read_symlink(entry.path(), closed);
    if (target.native().starts_with(kRamPrefix) &&
        seen.insert(target.native()).second) {
      paths.push_back(entry.path().native());
    }
  }
  return paths;
}

}  // namespace

ContentKeeper::ContentKeeper(const Host* host)
    : host_(host), thread_(&ContentKeeper::work, this) {}

ContentKeeper::~ContentKeeper() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void ContentKeeper::look() {
  {
    const std::lock_guard lock(mutex_);
    looked_ = true;
  }
  changed_.notify_all();
}

bool ContentKeeper::stopping() {
  const std::lock_guard lock(mutex_);
  return stop_;
}

ContentKeeper::Sources ContentKeeper::wanted() const {
  Sources sources;
  for (const GuestView& view : host_->table.all()) {
    if (view.phase != GuestPhase::kRunning) continue;
    const control::GuestConfig& config = view.record.config;
    if (config.disk_bytes() > 0) {
      sources[config.disk_path().empty()
                  ? host_->store.paths(config.name()).disk
                  : config.disk_path()] = config.domain();
    }
    for (const std::string& path : ram_of(view.record.pid)) {
      sources[path] = config.domain();
    }
  }
  return sources;
}

void ContentKeeper::work() {
  for (;;) {
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return looked_ || stop_; });
      if (stop_) return;
      looked_ = false;
    }
    const Sources now = wanted();
    bool again = false;
    for (auto it = kept_.begin(); it != kept_.end() && !stopping();) {
      const bool left = !now.contains(it->first);
      const bool done = left && run_index("drop", it->first, it->second);
      again |= left && !done;
      it = done ? kept_.erase(it) : std::next(it);
    }
    for (const auto& [path, domain] : now) {
      if (kept_.contains(path) || stopping()) continue;
      if (run_index("add", path, domain)) {
        kept_[path] = domain;
      } else {
        again = true;
      }
    }
    if (!again) continue;
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, kContentRetryAfter, [this] { return stop_; });
    looked_ = true;
  }
}

bool ContentKeeper::run_index(const std::string& verb, const std::string& path,
                              const std::string& domain) {
  SpawnOptions options;
  options.argv = {host_->program_folder + "/causeway",
                  "index",
                  verb,
                  path,
                  "--index",
                  host_->index};
  if (verb == "add") {
    for (const std::string& more :
         {std::string("--key"), host_->index_key, std::string("--domain"),
          domain, std::string("--workers"), std::string("1")}) {
      options.argv.push_back(more);
    }
  }
  options.stderr_fd = STDERR_FILENO;
  auto child = ChildProcess::spawn(options);
  if (!child) {
    spdlog::warn("{} is not indexed: {}", path, child.error().message);
    return true;
  }
  ::setpriority(PRIO_PROCESS, static_cast<id_t>(child->pid()), kNice);
  for (;;) {
    if (const auto ended = child->wait(kContentStopPeriod)) {
      if (ended->code == kOtherWriterExitCode) return false;
      if (!ended->ok()) {
        spdlog::warn("causeway index {} {} ended with {}", verb, path,
                     ended->text());
      }
      return true;
    }
    if (stopping()) child->kill(SIGINT);
  }
}

}  // namespace causeway
