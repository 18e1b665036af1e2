#include "lease/answer.h"

#include <chrono>

namespace cluster_leader {

std::string describe(const Young& answer) {
  using std::chrono::seconds;
  return "the server started " + std::to_string(std::chrono::floor<seconds>(answer.age).count()) +
         " s ago, and an earlier holder may still be running its job; ready in " +
         std::to_string(std::chrono::ceil<seconds>(answer.rest).count()) + " s";
}

}  // namespace cluster_leader
