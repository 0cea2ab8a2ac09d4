// LaneBoard: the lanes of a striped path as they come and go. Whoever opens
// lanes posts each one's path, and withdraws it when it has broken; the
// channels take leases, and look again when a lane was posted.
//
//   opener's thread     post ───────────────► withdraw ──► in_use()? ──►
//   destroy channels' owners         take: a lease ······ its channel breaks:
//   returned
//
// When no lane comes any more it closes the board, and a channel that has none
// left is lost.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>
#include <utility>
#include <vector>

#include "engine/base/assert.h"
#include "engine/base/notifier.h"
#include "engine/path/stripe/limits.h"

namespace causeway {

template <typename LanePath>
class LaneBoard {
 public:
  // Holds a lane's path: it is not destroyed before the lease is returned.
  class Lease {
   public:
    Lease() = default;
    Lease(Lease&& other) noexcept
        : path_(std::exchange(other.path_, nullptr)),
          leases_(std::exchange(other.leases_, nullptr)) {}
    Lease& operator=(Lease&& other) noexcept {
      release();
      path_ = std::exchange(other.path_, nullptr);
      leases_ = std::exchange(other.leases_, nullptr);
      return *this;
    }
    ~Lease() { release(); }

    LanePath* path() const { return path_; }
    void release() {
      if (leases_ != nullptr) leases_->fetch_sub(1);
      path_ = nullptr;
      leases_ = nullptr;
    }

   private:
    friend class LaneBoard;
    Lease(LanePath* path, std::atomic<uint32_t>* leases)
        : path_(path), leases_(leases) {}
    LanePath* path_ = nullptr;
    std::atomic<uint32_t>* leases_ = nullptr;
  };

  // What a channel has seen of the board. Outlived by the board.
  class View {
   public:
    explicit View(LaneBoard& board) : board_(board) {
      const std::lock_guard lock(board_.mutex_);
      board_.views_.push_back(this);
    }
    ~View() {
      const std::lock_guard lock(board_.mutex_);
      std::erase(board_.views_, this);
    }
    View(const View&) = delete;
    View& operator=(const View&) = delete;

    // Whether a lane was posted that look() has not shown.
    bool stale() const { return board_.posts_.load() != seen_posts_; }
    // Calls take(lane, lease) for each such lane.
    template <typename Take>
    void look(Take&& take) {
      look(0, std::forward<Take>(take));
    }
    // The last look, of a channel that takes nothing any more: of lanes that
    // are posted from now on, post() tells the opener so.
    template <typename Take>
    void look_and_refuse(uint32_t worker, Take&& take) {
      look(1ull << worker, std::forward<Take>(take));
    }
    int fd() const { return posted_.fd(); }  // readable: stale
    bool closed() const { return board_.closed_.load(); }

   private:
    friend class LaneBoard;
    template <typename Take>
    void look(uint64_t refuse, Take&& take) {
      std::array<Lease, kStripeLanesMax> leases;
      board_.show(*this, leases, refuse);
      for (uint32_t lane = 0; lane < kStripeLanesMax; ++lane) {
        if (leases[lane].path() != nullptr) take(lane, std::move(leases[lane]));
      }
    }
    LaneBoard& board_;
    Notifier posted_;
    uint64_t seen_posts_ = 0;
    std::array<uint64_t, kStripeLanesMax> seen_{};
  };

  // Opener. The lane's former path has been withdrawn and is not in use. The
  // workers, a bit each, whose channels at this end take nothing any more: the
  // opener lets the lane's streams of these go, so that the peer learns it.
  uint64_t post(uint32_t lane, LanePath& path) {
    const std::lock_guard lock(mutex_);
    Slot& slot = slots_[lane];
    CAUSEWAY_ASSERT(slot.path == nullptr && slot.leases.load() == 0);
    slot.path = &path;
    slot.post = posts_.load() + 1;
    posts_.store(slot.post);
    for (const View* view : views_) view->posted_.notify();
    return refused_;
  }
  void withdraw(uint32_t lane) {
    const std::lock_guard lock(mutex_);
    slots_[lane].path = nullptr;
  }
  void close() {
    const std::lock_guard lock(mutex_);
    closed_.store(true);
    posts_.fetch_add(1);
    for (const View* view : views_) view->posted_.notify();
  }
  bool in_use(uint32_t lane) const { return slots_[lane].leases.load() > 0; }

  // Any thread: calls use(path) for each lane that is posted.
  template <typename Use>
  void each(Use&& use) const {
    const std::lock_guard lock(mutex_);
    for (uint32_t lane = 0; lane < kStripeLanesMax; ++lane) {
      if (slots_[lane].path != nullptr) use(lane, *slots_[lane].path);
    }
  }

 private:
  struct Slot {
    LanePath* path = nullptr;
    uint64_t post = 0;  // which of all posts this was
    std::atomic<uint32_t> leases{0};
  };

  // Under one lock with post(), so that no notification comes after the drain.
  void show(View& view, std::array<Lease, kStripeLanesMax>& leases,
            uint64_t refuse) {
    const std::lock_guard lock(mutex_);
    refused_ |= refuse;
    view.posted_.drain();
    view.seen_posts_ = posts_.load();
    for (uint32_t lane = 0; lane < kStripeLanesMax; ++lane) {
      Slot& slot = slots_[lane];
      if (slot.path == nullptr || slot.post == view.seen_[lane]) continue;
      view.seen_[lane] = slot.post;
      slot.leases.fetch_add(1);
      leases[lane] = Lease(slot.path, &slot.leases);
    }
  }

  mutable std::mutex mutex_;
  std::atomic<uint64_t> posts_{0};
  std::atomic<bool> closed_{false};
  std::array<Slot, kStripeLanesMax> slots_;
  uint64_t refused_ = 0;  // a bit a worker
  static_assert(kStreamsMax <= 64);
  std::vector<View*> views_;
};

}  // namespace causeway
