#include "commands/doctor.h"

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/exit_code.h"
#include "base/terminal.h"
#include "commands/cluster_findings.h"
#include "commands/diagnosis.h"
#include "commands/quorum_findings.h"
#include "commands/setup.h"
#include "report/reporter.h"
#include "report/standard_output.h"
#include "report/table.h"
#include "store/measurements.h"

namespace cluster_leader {

int doctor(const Options& options) {
  prepare_standard_descriptors();
  Reporter reporter(log_style(options));
  const std::optional<Location> location = make_location(options, reporter);
  if (!location) return kExitConfig;
  Candidate candidate = make_candidate(options);
  candidate.label = "cluster-leader doctor";
  const ServerName server = server_name(options, *location);
  reporter.info("examining " + server.url + " (" + server.origin + ')');
  std::vector<Finding> findings;
  if (const auto* file = std::get_if<FileLocation>(&*location)) {
    findings = diagnose(measure(*file, options.prefix, candidate), options.timeline);
  } else if (const auto* sentinels = std::get_if<SentinelLocation>(&*location)) {
    const auto measured = measure(*sentinels, options.timeline.connect);
    findings = diagnose(measured, options.timeline);
    if (measured.primary) {
      const RedisLocation primary = at(sentinels->server, *measured.primary);
      auto found = diagnose(measure(primary, options.prefix, candidate, options.timeline.connect),
                            primary, options.timeline, /*is_watched=*/true);
      findings.insert(findings.end(), found.begin(), found.end());
    }
  } else if (const auto* cluster = std::get_if<ClusterLocation>(&*location)) {
    findings =
        diagnose_cluster(measure(*cluster, options.prefix, candidate, options.timeline.connect),
                         cluster->node, options.timeline);
  } else if (const auto* quorum = std::get_if<QuorumLocation>(&*location)) {
    std::vector<MeasuredServer> servers;
    for (const RedisLocation& one : quorum->servers) {
      servers.push_back({one, measure(one, options.prefix, candidate, options.timeline.connect)});
    }
    findings = diagnose_quorum(servers, options.timeline);
  } else {
    const auto& redis = std::get<RedisLocation>(*location);
    findings = diagnose(measure(redis, options.prefix, candidate, options.timeline.connect), redis,
                        options.timeline);
  }
  const auto terminal = terminal_size();
  const auto columns = terminal ? std::optional(terminal->columns) : std::nullopt;
  const std::string report = options.output == Options::Output::kJson
                                 ? report_as_json(findings)
                                 : report_of(findings, columns, wants_colour());
  return print(report, reporter) ? exit_status_of(findings) : kExitOs;
}

}  // namespace cluster_leader
