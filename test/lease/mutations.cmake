# Each rule of the supervisor, broken; the search must notice what makes a job live without the key, and a test that is
# named for the rule must notice the rest.
set(search "SupervisorSearch.*")

add_mutation(lease_counted_from_the_reply
  "const State::InFlight request = *state_.in_flight;"
  "State::InFlight request = *state_.in_flight; request.sent_at = now;"
  "${search}")

add_mutation(no_kill
  "out.push_back({Kind::kKillJob, {}});"
  ""
  "${search}")

add_mutation(no_kill_deadline
  "if (now >= kill_at()) {"
  "if (false) {"
  "${search}")

add_mutation(release_before_the_job_is_gone
  "state_.outcome = Outcome::kJobEnded;
  stop_job(now, out);"
  "state_.outcome = Outcome::kJobEnded;
  release(now, out);"
  "${search}")

add_mutation(error_taken_for_success
  "state_.trouble = answer.trouble;"
  "state_.trouble = answer.trouble; if (state_.lease_sent_at) state_.lease_sent_at = request.sent_at;"
  "${search}")

add_mutation(timeout_taken_for_success
  "    state_.connected = false;
    state_.busy = false;"
  "    if (state_.lease_sent_at) state_.lease_sent_at = state_.next_send_at = now;
    state_.connected = false;
    state_.busy = false;"
  "${search}")

add_mutation(stale_answers_accepted
  "if (!state_.in_flight || event.attempt != state_.in_flight->attempt) return;"
  "if (!state_.in_flight) return;"
  "SupervisorTest.AnswerToAnEarlierRequestIsIgnored")

add_mutation(no_term
  "out.push_back({Kind::kStopJob, {}});"
  ""
  "SupervisorTest.StopsThenKillsTheJobBeforeTheLeaseExpires")

add_mutation(lost_answer_ignored
  "  state_.lease_sent_at.reset();
  if (job_alive()) {"
  "  if (job_alive()) return;
  if (job_alive()) {"
  "SupervisorTest.LeaseOfAnotherKillsTheJobAtOnce")

add_mutation(lost_lease_renewed
  "return leased_ && state_.phase != Phase::kDone && !lost;"
  "return leased_ && state_.phase != Phase::kDone;"
  "SupervisorTest.LeaseOfAnotherKillsTheJobAtOnce")

add_mutation(answer_before_kill_deadline
  "  enforce_deadlines(now, out);
  std::visit("
  "  std::visit("
  "SupervisorTest.KillDeadlineGoesBeforeAnAnswerInTheSameTurn")

add_mutation(late_start
  "if (now < timeline_.start_by(*state_.lease_sent_at)) return;"
  "return;"
  "*JobIsNotStarted*")

add_mutation(late_grant_used
  "if (now >= timeline_.start_by(request.sent_at)) {"
  "if (false) {"
  "SupervisorTest.GrantThatLeavesNoRoomForAJobIsHandedBack")

add_mutation(unanswered_acquire_forgotten
  "const bool may_stand = state_.in_flight || state_.acquire_unknown || state_.handing_back;"
  "const bool may_stand = false;"
  "SupervisorTest.AcquireWithoutAnAnswerIsGivenBack")

add_mutation(hint_forgotten
  "state_.hinted ? now : after(now, answer.retry_after)"
  "after(now, answer.retry_after)"
  "WaitingSupervisorTest.HintThatOvertakesTheAnswerIsNotForgotten")
