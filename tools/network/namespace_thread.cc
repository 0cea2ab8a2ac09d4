#include "tools/network/namespace_thread.h"

#include <sched.h>
#include <unistd.h>

namespace causeway {

Result<std::unique_ptr<NamespaceThread>> NamespaceThread::create() {
  std::unique_ptr<NamespaceThread> made(new NamespaceThread());
  made->thread_ = std::thread(&NamespaceThread::loop, made.get());
  std::unique_lock lock(made->mutex_);
  made->changed_.wait(lock, [&] { return made->ready_; });
  if (made->unshare_errno_ != 0) {
    lock.unlock();
    return errno_error(made->unshare_errno_, "making a network namespace");
  }
  return made;
}

NamespaceThread::~NamespaceThread() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
    changed_.notify_all();
  }
  thread_.join();
}

void NamespaceThread::loop() {
  std::unique_lock lock(mutex_);
  if (unshare(CLONE_NEWNET) != 0) unshare_errno_ = errno;
  tid_ = gettid();
  ready_ = true;
  changed_.notify_all();
  for (;;) {
    changed_.wait(lock, [this] { return ending_ || work_ != nullptr; });
    if (ending_) return;
    result_ = (*work_)();
    work_ = nullptr;
    changed_.notify_all();
  }
}

Status NamespaceThread::run(const std::function<Status()>& work) {
  std::unique_lock lock(mutex_);
  work_ = &work;
  changed_.notify_all();
  changed_.wait(lock, [this] { return work_ == nullptr; });
  return result_;
}

}  // namespace causeway
