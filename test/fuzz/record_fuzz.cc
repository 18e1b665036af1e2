// The record of a key in a directory, which anybody may have written, and what each request makes
// of it.
#include <chrono>

#include "fuzz/input.h"
#include "store/file/record.h"

using namespace cluster_leader;
using namespace std::chrono_literals;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::optional<FileRecord> record = parse_record(bytes(data, size));
  if (!record) return 0;
  const std::string text = format_record(*record);
  const std::optional<FileRecord> again = parse_record(text);
  require(again && format_record(*again) == text, "what is written of a record is read again",
          text);
  last_run(*record);

  const Moment moment{Time(1h), 1'700'000'000'000, "boot"};
  Candidate candidate;
  candidate.ttl = 10s;
  const Candidacy candidacy{record->key, {"web-1/1"}};
  for (const RequestKind kind :
       {RequestKind::kAcquire, RequestKind::kRenew, RequestKind::kRelease, RequestKind::kFinish}) {
    Request request;
    request.kind = kind;
    request.token = Token{1};
    const Decision decision = decide(request, candidate, candidacy, *record, moment);
    if (decision.write) {
      require(parse_record(format_record(*decision.write)).has_value(),
              "what is decided can be written");
      require(decision.write->fence >= record->fence, "tokens only grow");
    }
  }
  return 0;
}
