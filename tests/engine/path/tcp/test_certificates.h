// TestCertificates: a CA of a test's own and what it has signed, in a folder
// that goes with it.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <string>

#include "engine/path/tcp/tls_context.h"
#include "tools/pki/authority.h"

namespace causeway {

class TestCertificates {
 public:
  TestCertificates() {
    char folder[] = "/tmp/causeway-pki-XXXXXX";
    CAUSEWAY_ASSERT(::mkdtemp(folder) != nullptr);
    folder_ = folder;
    EXPECT_TRUE(make_authority(folder_));
    for (const char* name : {"a", "b"}) add({name});
  }
  ~TestCertificates() {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }
  TestCertificates(const TestCertificates&) = delete;
  TestCertificates& operator=(const TestCertificates&) = delete;

  const std::string& folder() const { return folder_; }
  void add(const HostCertificate& host) {
    const Status made = make_host(folder_, host);
    EXPECT_TRUE(made) << made.error().message;
  }
  TlsFiles files(const std::string& name) const {
    return TlsFiles::in_folder(folder_ + "/" + name);
  }
  // `name`'s end of a stream to `peer`.
  TlsOptions options(const std::string& name, const std::string& peer) const {
    return {files(name), peer};
  }

 private:
  std::string folder_;
};

}  // namespace causeway
