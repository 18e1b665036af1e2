#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.h"
#include "store/registry.h"

// What check, status and release print about a lease.

namespace cluster_leader {

/// The word for a state in JSON and in the table.
const char* state_name(LeaseView::State state);

/// "8.2s", "2m30s", "1h05m", "3d04h".
std::string short_duration(Duration duration);

/// "4m", from that time to `now_ms`, in the largest unit; "0s" if the clocks differ; empty if it is
/// not known.
std::string time_since(std::int64_t ms, std::int64_t now_ms);

/// "4m ago", or "now".
std::string age_of(std::int64_t ms, std::int64_t now_ms);

/// "2026-11-23T07:00:00Z"; empty if it is not known.
std::string second_of(std::int64_t ms);

/// "0 on web-1 at 2026-11-23T07:00:00Z", how and where the last run ended; empty if it is not
/// known. The label of a node may have any bytes.
std::string last_run_of(const LeaseView& view);

/// "web-1 (host-1:4711)", as far as it is known.
std::string holder_of(const LeaseView& view);

/// "slot 2 of job-a", or "job-a" if the key has no other slots that anybody knows of.
std::string lease_name(const std::string& key, std::uint32_t slot, bool has_slots);

/// Whether one of these views of one key has a slot other than 0.
bool have_slots(const std::vector<LeaseView>& views);

/// The rest of a sentence that begins with the key: "is held by web-1 (host-1:4711)".
std::string sentence_about(const LeaseView& view);

}  // namespace cluster_leader
