#include "lease/answer.h"

#include <chrono>

namespace cluster_leader {

std::string describe(const Young& answer) {
  using std::chrono::seconds;
  const std::string ready = ", and an earlier holder may still be running its job; ready in " +
                            std::to_string(std::chrono::ceil<seconds>(answer.rest).count()) + " s";
  if (!answer.because.empty()) return answer.because + ready;
  if (!answer.hidden_because.empty()) {
    return "it is not known when the server started (" + answer.hidden_because + ")" + ready;
  }
  return "the server started " + std::to_string(std::chrono::floor<seconds>(answer.age).count()) +
         " s ago" + ready;
}

}  // namespace cluster_leader
