#include "lease/answer.h"

#include <chrono>

namespace cluster_leader {

Failed still_releasing() {
  return {.trouble = Trouble::kUnreachable,
          .text = "an earlier attempt is still being released",
          .id_spent = true};
}

std::string cause_of(const Young& answer) {
  if (!answer.because.empty()) return answer.because;
  if (!answer.hidden_because.empty()) {
    return "it is not known when the server started (" + answer.hidden_because + ")";
  }
  using std::chrono::seconds;
  return "the server started " + std::to_string(std::chrono::floor<seconds>(answer.age).count()) +
         " s ago";
}

std::string describe(const Young& answer) {
  using std::chrono::seconds;
  return cause_of(answer) +
         ", and an earlier holder may still be running its job: no lease is granted for another " +
         std::to_string(std::chrono::ceil<seconds>(answer.rest).count()) + " s";
}

}  // namespace cluster_leader
