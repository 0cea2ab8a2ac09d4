#include "engine/control/connect_time.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engine/base/unique_fd.h"
#include "engine/path/socket_address.h"

namespace causeway {
namespace {

// It accepts nothing: its kernel does.
UniqueFd listener() {
  const auto address = resolve_address("127.0.0.1:0", true).value().front();
  UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  EXPECT_EQ(::bind(fd.get(), address.get(), address.bytes), 0);
  EXPECT_EQ(::listen(fd.get(), 8), 0);
  return fd;
}

TEST(ConnectTime, NeedsNobodyWhoIsAwake) {
  const UniqueFd fd = listener();
  const auto took = connect_time(local_address(fd.get()).text());
  ASSERT_TRUE(took) << took.error().message;
  EXPECT_GT(*took, Duration{0});
  // 10 s of which would be a host that does not answer.
  EXPECT_LT(*took, std::chrono::seconds(1));
}

// It listens on one of the name's addresses, 127.0.0.1.
TEST(ConnectTime, AnyAddressOfTheNameWillDo) {
  const UniqueFd fd = listener();
  const auto took = connect_time(
      "localhost:" + std::to_string(local_address(fd.get()).port()));
  EXPECT_TRUE(took) << took.error().message;
}

TEST(ConnectTime, WhereNothingListensThereIsNone) {
  std::string address;
  {
    const UniqueFd fd = listener();
    address = local_address(fd.get()).text();
  }
  const auto took = connect_time(address);
  ASSERT_FALSE(took);
  EXPECT_FALSE(connect_time("no port in here"));
}

}  // namespace
}  // namespace causeway
