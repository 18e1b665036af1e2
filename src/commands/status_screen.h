#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/terminal.h"
#include "options/options.h"
#include "report/table.h"
#include "store/registry.h"

namespace cluster_leader {

/// The colour of a state.
Paint paint_of(LeaseView::State state);

/// The table that `status` shows on a terminal: with ages instead of times, in the columns that
/// there are, and with what needs attention in colour. `now_ms` is the time since 1970.
std::string status_screen(const Options& options, const std::vector<LeaseView>& views,
                          std::int64_t now_ms, std::size_t width, bool coloured);

}  // namespace cluster_leader
