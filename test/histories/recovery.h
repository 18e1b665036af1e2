#pragma once

#include <optional>

#include "histories/record.h"

namespace cluster_leader::histories {

/// When somebody can lead again after the faults: no server is young, nothing is held or parked
/// after a run, and nobody is barred.
Time possible_again(const Record& record);

/// How long after that somebody led; zero if somebody did before. Nothing if nobody did.
std::optional<Duration> recovery_of(const Record& record);

}  // namespace cluster_leader::histories
