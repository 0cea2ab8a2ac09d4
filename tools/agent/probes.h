// Probes: measurements of the paths between this host and another, by movers
// that move nothing: one from here at a time, and a few to here.
//
//   caller        source agent                    target agent
//     Probe -------->
//                      for each path: AnswerProbe -->  a mover that listens
//                      <------------- its address
//                      a mover that sends
//     <-- result
//
// Bounded in time and bytes. Thread-safe.
#pragma once

#include <atomic>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "engine/control/agent_client.h"
#include "engine/control/handler.h"
#include "tools/agent/host.h"
#include "tools/agent/mover_process.h"

namespace causeway {

class Probes {
 public:
  explicit Probes(Host* host) : host_(host) {}
  ~Probes() { stop(); }

  // A result for each path; an Error when there can be none of any.
  Status probe(const control::ProbeRequest& request, const ProbeSink& sink);
  // `peer`: the name of the agent that asks, empty in the clear.
  Result<control::AnswerProbeReply> answer(
      const std::string& peer, const control::AnswerProbeRequest& request);

  // Ends all, begins none any more.
  void stop();

 private:
  struct Answering {
    std::unique_ptr<MoverProcess> mover;
    std::thread thread;
    std::atomic<bool> ended{false};
  };

  Result<control::PathProbe> measure(AgentClient& target,
                                     const control::ProbeRequest& request,
                                     const std::string& path,
                                     const ProbeSink& sink);
  Result<control::PathProbe> follow(MoverProcess& mover, const ProbeSink& sink,
                                    LossMemory::Measurement* line);
  void reap();

  Host* host_;
  std::mutex probing_;  // held by the one from here
  std::atomic<bool> stopping_{false};
  std::mutex mutex_;
  std::list<Answering> answering_;
};

}  // namespace causeway
