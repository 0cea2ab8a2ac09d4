// ContentKeeper: keeps the disks and the memory of this host's guests in its
// content index, so that a guest that comes need not bring what another one
// has. `causeway index` does the work, in a process of its own that is nice to
// the guests; one at a time, since one process writes an index.
//
// Memory is added as it is when its guest is first seen here, and changes:
// what the index says of it is a hint like all else. What has left is dropped.
#pragma once

#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "tools/agent/host.h"

namespace causeway {

class ContentKeeper {
 public:
  // The host outlives it.
  explicit ContentKeeper(const Host* host);
  // Ends an `index` that is at work: it goes on where it was, another time.
  ~ContentKeeper();
  ContentKeeper(const ContentKeeper&) = delete;
  ContentKeeper& operator=(const ContentKeeper&) = delete;

  // The guests may have changed. Any thread; returns at once.
  void look();

 private:
  using Sources = std::map<std::string, std::string>;  // path -> domain

  void work();
  Sources wanted() const;
  // Whether it is done, well or not; not so if it is to be tried again.
  bool run_index(const std::string& verb, const std::string& path,
                 const std::string& domain);
  bool stopping();

  const Host* host_;
  Sources kept_;  // the thread's

  std::mutex mutex_;
  std::condition_variable changed_;
  bool looked_ = true;  // what an earlier agent left running is there
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace causeway
