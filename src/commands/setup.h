#pragma once

#include <optional>
#include <string>

#include "lease/answer.h"
#include "lease/candidacy.h"
#include "options/options.h"
#include "report/reporter.h"
#include "report/wording.h"
#include "store/location.h"
#include "store/registry.h"
#include "supervise/lease_environment.h"

// What several verbs make of their options.

namespace cluster_leader {

LogStyle log_style(const Options& options);

/// Where the lease lives. Reports, once per process, what is unsafe about the options; on failure
/// reports why and returns nothing, and the exit status is kExitConfig.
std::optional<Location> make_location(const Options& options, Reporter& reporter);

/// If leases live in a directory that does not exist yet, creates it, but not its parents, and says
/// so: replicas with a mistyped path would not exclude each other. If that fails, the store will
/// say why.
void create_directory(const Location& location, Reporter& reporter);

/// The server for messages.
ServerName server_name(const Options& options, const Location& location);

/// `name` with the prefix, as the server knows it.
Key full_key(const Options& options, const std::string& name);

/// Who this process campaigns as. `--sticky` and `elect` have an identity; for a plain run it is
/// not worth reading the two files in /proc that it comes from.
Candidate make_candidate(const Options& options);

/// A new holder id for one term of this node.
HolderId new_holder(const std::string& node);

/// Who we are to the holders whose leases we may release.
Eviction this_node(const Options& options);

/// Reports, under --verbose, what an unusual ttl means.
void report_ttl_hint(const Timeline& timeline, Reporter& reporter);

/// The exit status of a process that ends for this reason.
int exit_status_of(Trouble trouble);

}  // namespace cluster_leader
