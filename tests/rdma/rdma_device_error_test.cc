// What an endpoint makes of what its device says (tests/labs/rdma): two,
// joined, and one's verbs answer as a device in trouble does.
#include <dlfcn.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <infiniband/verbs.h>
#include <sys/eventfd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>

#include "engine/base/unique_fd.h"
#include "rdma/verbs/rendezvous.h"
#include "tests/rdma/failing_registrations.h"
#include "tests/rdma/rdma_lab.h"

namespace causeway {
namespace {

using testing::HasSubstr;
using testing::Not;

// A driver that takes its device from its users says so to whoever destroys
// what the kernel has destroyed.
std::atomic<bool> device_is_gone{false};

class RdmaDeviceErrorTest : public testing::Test {
 protected:
  void SetUp() override {
    const auto [source, target] = RdmaLab::addresses();
    RdmaListener listener = RdmaListener::listen({target + ":0"}).value();
    const UniqueFd never(::eventfd(0, EFD_CLOEXEC));
    const RdmaSecret secret{std::byte{7}};
    std::thread accepting([&] {
      const Deadline deadline(std::chrono::seconds(20));
      far_ = listener.await(secret, 0, {}, never.get(), deadline).value();
      const std::array<std::byte, 4> said{};
      EXPECT_TRUE(RdmaListener::accept(*far_, said, deadline));
    });
    const auto from = resolve_address(source + ":0", true).value().front();
    const auto to =
        resolve_address(listener.addresses().front(), false).value().front();
    near_ = connect_plain(from, to, secret, 0, {},
                          Deadline(std::chrono::seconds(20)))
                .value()
                .endpoint;
    accepting.join();
    device_ = near_->id()->verbs;
    verbs_ = device_->ops;
  }
  // The device is this process's, also of the tests that come.
  void TearDown() override {
    device_is_gone = false;
    device_->ops = verbs_;
  }

  // Its own number, whatever else has failed before.
  static void expect_error(const Status& status, const char* call, int error) {
    ASSERT_FALSE(status);
    EXPECT_EQ(status.error().code, ErrorCode::kConnectionLost);
    EXPECT_THAT(status.error().message, HasSubstr(call));
    EXPECT_THAT(status.error().message, HasSubstr(std::strerror(error)));
  }

  std::unique_ptr<RdmaEndpoint> near_;
  std::unique_ptr<RdmaEndpoint> far_;
  ibv_context* device_ = nullptr;
  ibv_context_ops verbs_{};
};

TEST_F(RdmaDeviceErrorTest, WhatIsNotPostedSaysWhy) {
  device_->ops.post_send = [](ibv_qp*, ibv_send_wr*, ibv_send_wr**) {
    return ENOSPC;
  };
  device_->ops.post_recv = [](ibv_qp*, ibv_recv_wr*, ibv_recv_wr**) {
    return ENOMEM;
  };
  device_->ops.req_notify_cq = [](ibv_cq*, int) { return EPERM; };
  errno = EDOM;
  expect_error(near_->post({}, 0, 8), "ibv_post_send", ENOSPC);
  expect_error(near_->read({}, 0), "ibv_post_send", ENOSPC);
  expect_error(near_->take_again(0), "ibv_post_recv", ENOMEM);
  expect_error(near_->arm(false), "ibv_req_notify_cq", EPERM);
}

TEST_F(RdmaDeviceErrorTest, AQueuePairThatWentWithItsDeviceIsGone) {
  device_is_gone = true;
  near_->disconnect();
  near_->disconnect();
  EXPECT_EQ(near_->id()->qp, nullptr);
}

// Who may lock all it likes is not told of a limit.
TEST_F(RdmaDeviceErrorTest, ARefusalOfTheDeviceIsNotALimitOfTheProcess) {
  const std::vector<std::byte> memory(4096);
  const FailingRegistrations failing(FailingRegistrations::End::kSource, 1, 1);
  const auto refused = near_->register_memory(memory, 0);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr(std::strerror(ENOMEM)));
  EXPECT_THAT(refused.error().message, Not(HasSubstr("LimitMEMLOCK")));
}

}  // namespace
}  // namespace causeway

extern "C" int ibv_destroy_qp(ibv_qp* pair) {
  static const auto real = reinterpret_cast<decltype(&ibv_destroy_qp)>(
      ::dlsym(RTLD_NEXT, "ibv_destroy_qp"));
  const int error = real(pair);
  return causeway::device_is_gone ? EIO : error;
}
