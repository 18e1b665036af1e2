# Breaks each rule of the supervisor. The search must notice whatever lets a job live without the key, and a test that is
# named for the rule must notice the rest. Then the rules of the beat, of an elector's view, and of the server, as far as
# the search can see them: what a late renewal after the end of a term does to others is in the contract of the stores
# (ARenewalNeverTakesBackALaterLease, ADelayedRenewalDoesNotResurrectAReleasedLease).
set(search "SupervisorSearch.*")
set(mutated src/lease/supervisor.cc)

add_mutation(no_kill
  "out.push_back({Kind::kKillJob, {}});"
  ""
  "${search}")

add_mutation(no_kill_deadline
  "if (now >= kill_at()) {"
  "if (false) {"
  "${search}")

add_mutation(release_before_the_job_is_gone
  "if (!policy_.restarts) state_.outcome = Outcome::kJobEnded;
  stop_job(now, out);"
  "if (!policy_.restarts) state_.outcome = Outcome::kJobEnded;
  release(now, out);"
  "${search}")

add_mutation(timeout_taken_for_success
  "  state_.connected = false;
  state_.contact = Contact::kNone;"
  "  if (state_.lease_sent_at) state_.lease_sent_at = state_.next_send_at = now;
  state_.connected = false;
  state_.contact = Contact::kNone;"
  "${search}")

add_mutation(no_stop_signal
  "out.push_back({Kind::kStopJob, {}});"
  ""
  "SupervisorTest.StopsThenKillsTheJobBeforeTheLeaseExpires")

add_mutation(lost_lease_renewed
  "return leased_ && state_.phase != Phase::kDone && !lost;"
  "return leased_ && state_.phase != Phase::kDone;"
  "SupervisorTest.LostLeaseKillsTheJobAtOnce")

add_mutation(answer_before_kill_deadline
  "  enforce_deadlines(now, out);
  std::visit("
  "  std::visit("
  "SupervisorTest.KillDeadlineWinsOverAnAnswerInTheSameTurn")

add_mutation(late_start
  "if (now < timeline_.start_by(*state_.lease_sent_at)) {"
  "if (true) {"
  "*JobIsNotStarted*")

add_mutation(numbers_start_over_in_each_term
  "state_.last_attempt = first_attempt_ = earlier.state_.last_attempt;"
  ""
  "SupervisorTest.RequestsOfALaterTermHaveLaterNumbers")

add_mutation(unanswered_acquire_forgotten
  "const bool may_be_granted = state_.in_flight || state_.acquire_unknown || state_.handing_back;"
  "const bool may_be_granted = false;"
  "SupervisorTest.UnansweredAcquireIsReleased")

add_mutation(resign_releases_before_the_job_is_gone
  "state_.outcome = outcome;
    stop_job(now, out);"
  "state_.outcome = outcome;
    release(now, out);"
  "SupervisorSearch.JobIsDeadBeforeAResignedLeaseIsReleased")

add_mutation(resigned_job_is_started_again
  "if (policy_.restarts && state_.outcome == Outcome::kNone) state_.outcome = outcome;"
  ""
  "SupervisorSearch.JobThatIsStartedAgainEndsWhenToldTo")

add_mutation(restart_ignores_a_slipped_lease
  "    state_.outcome = Outcome::kLost;
    release(now, out);"
  "    if (now >= state_.start_at) {
      state_.start_at = kNever;
      out.push_back({Kind::kStartJob, {}});
    }"
  "SupervisorSearch.JobThatIsStartedAgainNeverLivesWithoutTheKey")

add_mutation(restart_without_a_lease
  "if (policy_.restarts && state_.lease_sent_at && event.result"
  "if (policy_.restarts && event.result"
  "RestartingSupervisorTest.WithoutALeaseTheEndOfTheJobEndsTheTerm")

add_mutation(restart_after_a_stop_from_outside
  "event.result && !state_.stop_forwarded) {"
  "event.result) {"
  "RestartingSupervisorTest.JobThatWasToldToEndIsNotStartedAgain")

add_mutation(restart_of_what_cannot_be_executed
  "state_.lease_sent_at && event.result &&"
  "state_.lease_sent_at &&"
  "RestartingSupervisorTest.CommandThatCannotBeExecutedIsNotStartedAgain")

add_mutation(restart_is_killed_for_the_run_before
  "  state_.phase = Phase::kGranted;
  state_.forced_kill_at = kNever;"
  "  state_.phase = Phase::kGranted;"
  "RestartingSupervisorTest.DescendantsAreStoppedBeforeTheJobIsStartedAgain")

add_mutation(crash_loop_spins
  "state_.start_at = now + state_.restart_pause;"
  ""
  "RestartingSupervisorTest.JobThatFailsQuicklyWaitsLongerEachTimeUpToATtl")

add_mutation(pauses_never_become_short_again
  "if (ran >= longest) state_.restart_pause = Duration::zero();"
  ""
  "RestartingSupervisorTest.OnlyARunOfATtlMakesThePauseShortAgain")

add_mutation(earlier_runs_forgotten
  "event.result.has_value() || state_.ran_before;"
  "event.result.has_value();"
  "RestartingSupervisorTest.CommandThatIsNoLongerExecutableIsFinishedForItsEarlierRuns")

add_mutation(hint_sends_a_second_request
  "  if (state_.in_flight) {
    state_.hinted_for = std::min(state_.hinted_for, now + event.delay);"
  "  if (state_.in_flight) {
    state_.in_flight.reset();
    state_.next_send_at = now;"
  "SupervisorSearch.HintsNeverSendASecondRequest")

add_mutation(turn_of_the_others_ignored
  "state_.next_send_at = std::min(state_.next_send_at, now + event.delay);"
  "state_.next_send_at = now;"
  "WaitingSupervisorTest.AHintForALaterTurnIsTriedThen")

add_mutation(dead_place_is_left_behind
  "} else if (state_.in_line) {"
  "} else if (false) {"
  "WaitingSupervisorTest.LeavesTheQueueWhenItGivesUp")

add_mutation(hint_shortens_the_pause_after_a_failure
  ": state_.contact == Contact::kAnswered"
  ": true"
  "SupervisorTest.HintsDoNotShortenThePauseAfterAFailure")

add_mutation(hint_ends_a_cool_down
  "is_candidate ? state_.busy || state_.young"
  "is_candidate ? true"
  "WaitingSupervisorTest.SendsNothingBeforeItsBeginningDespiteHints")

add_mutation(begins_at_once
  "state_.next_send_at = begin;"
  "state_.next_send_at = Time{};"
  "WaitingSupervisorTest.SendsNothingBeforeItsBeginningDespiteHints")

add_mutation(orphan_keeps_campaigning
  "end_campaign(Outcome::kFrontGone, out);"
  ""
  "SupervisorTest.CandidateWhoseFrontHasDiedReleasesItsAcquire")

add_mutation(leads_while_the_job_is_stopped
  "state_.outcome == Outcome::kNone && has_lease() &&"
  "true ||"
  "ElectionTest.NobodyLeadsFromTheMomentTheJobIsToldToStop")

add_mutation(leads_until_the_lease_is_back
  "    case Phase::kRunning:
      return true;"
  "    case Phase::kRunning: case Phase::kReleasing:
      return true;"
  "${search}")

add_mutation(leads_before_the_job_runs
  "return state_.job_ran;"
  "return true;"
  "ElectionTest.CandidateLeadsOnceItsJobRuns")

set(mutated src/lease/supervisor_answers.cc)

add_mutation(lease_asked_for_is_released_before_the_job_is_gone
  "    give_up_lease(answer.stop->supersedes"
  "    if (state_.phase == Phase::kRunning) release(now, out);
    give_up_lease(answer.stop->supersedes"
  "SupervisorSearch.JobIsDeadBeforeALeaseThatSomebodyAsksForIsReleased")

add_mutation(whoever_waits_is_as_new_as_the_last_answer
  "if (!state_.era || policy_.supersedes) state_.era"
  "state_.era"
  "WaitingSupervisorTest.CandidateThatIsSupersededFollows")

add_mutation(request_for_the_key_is_ignored
  "if (answer.stop) {"
  "if (false) {"
  "SupervisorTest.HolderThatIsAskedForItsKeyStopsItsJobAndThenReleases")

add_mutation(young_server_not_waited_for
  "if (ready_at >= after(begin_, policy_.young_patience)) {"
  "if (ready_at >= state_.give_up_at) {"
  "SupervisorTest.WaitsForAYoungServerForAsLongAsItMayAndThenForNobody")

add_mutation(lease_counted_from_the_reply
  "const State::InFlight request = *state_.in_flight;"
  "State::InFlight request = *state_.in_flight; request.sent_at = now;"
  "${search}")

add_mutation(error_taken_for_success
  "state_.trouble = answer.trouble;"
  "state_.trouble = answer.trouble; if (state_.lease_sent_at) state_.lease_sent_at = request.sent_at;"
  "${search}")

add_mutation(stale_answers_accepted
  "if (!awaits(event.attempt)) return;"
  "if (!state_.in_flight) return;"
  "SupervisorTest.AnswerToAnEarlierRequestIsIgnored")

add_mutation(lost_answer_ignored
  "  state_.lease_sent_at.reset();
  if (job_alive()) {"
  "  if (job_alive()) return;
  if (job_alive()) {"
  "SupervisorTest.LostLeaseKillsTheJobAtOnce")

add_mutation(late_grant_used
  "if (now >= timeline_.start_by(request.sent_at)) {"
  "if (false) {"
  "SupervisorTest.GrantThatComesTooLateForAJobIsHandedBack")

add_mutation(released_id_acquires_again
  "out.push_back({Kind::kNewId, {}});"
  ""
  "SupervisorSearch.JobNeverLivesWithoutTheKeyWhenAnEarlierLeaseWasHandedBack")

add_mutation(spent_id_acquires_again
  "answer.id_spent)"
  "false)"
  "SupervisorTest.SpentIdIsNotUsedAgain")

add_mutation(young_server_is_not_asked_again
  "state_.young = true;"
  ""
  "WaitingSupervisorTest.RetriesAYoungServerAtAHint")

add_mutation(hint_forgotten
  "unless_hinted(after(now, answer.retry_after), now)"
  "after(now, answer.retry_after)"
  "WaitingSupervisorTest.HintBeforeTheAnswerCausesARetry")

add_mutation(hint_to_a_holder_forgotten
  "unless_hinted(renew_at(request.sent_at), now)"
  "renew_at(request.sent_at)"
  "SupervisorTest.HintDuringARenewalCausesAnotherOneAfterIt")

add_mutation(one_failure_is_an_outage
  "if (is_first && again_at_once)"
  "if (false)"
  "ElectionTest.OneFailureDoesNotChangeTheState")

add_mutation(no_outage_without_silence
  "if (is_first && again_at_once)"
  "if (true)"
  "ElectionTest.SecondFailureInARowIsAnOutage")

add_mutation(slot_of_the_lease_forgotten
  "state_.slot = answer.slot;"
  ""
  "SupervisorTest.RequestsForALeaseNameItsSlot")

set(mutated src/lease/timeline.cc)

add_mutation(beat_later_than_a_heartbeat
  "return sent_at + heartbeat - since;"
  "return sent_at + 2 * heartbeat - since;"
  "BeatTest.RenewalComesAtMostAHeartbeatAfterTheLast")

add_mutation(beat_forgotten
  "return sent_at + heartbeat - since;"
  "return sent_at + heartbeat;"
  "BeatTest.LeasesWithTheSameBeatAreRenewedTogether")

set(mutated src/lease/election.cc)

add_mutation(outage_deposes_a_leader
  "  if (supervisor.leads()) return view_of_leader(supervisor, own);
  if (supervisor.contact() == Contact::kNone) return without_server(before, supervisor);"
  "  if (supervisor.contact() == Contact::kNone) return without_server(before, supervisor);
  if (supervisor.leads()) return view_of_leader(supervisor, own);"
  "ElectionTest.LeaderLeadsThroughTroubleUntilItsJobIsStopped")

add_mutation(leader_that_stopped_is_leader
  "if (before.state == ElectionState::kLeader) return {ElectionState::kNone, {}, {}};"
  ""
  "ElectionTest.NobodyLeadsFromTheMomentTheJobIsToldToStop")

add_mutation(parked_key_has_a_leader
  "if (holder.value.empty() || is_reserved(holder))"
  "if (holder.value.empty())"
  "ElectionTest.NobodyLeadsAKeyThatIsFreeParkedOrHeld")

add_mutation(hint_believed_over_the_lease
  "if (has_lease || supervisor.contact()"
  "if (supervisor.contact()"
  "ElectionTest.HolderWaitsForItsOwnRenewal")

add_mutation(one_of_several_holders_is_the_leader
  "if (supervisor_.is_shared()) return {ElectionState::kFollower, {}, {}};"
  ""
  "SharedElectionTest.*")

add_mutation(no_turn_for_others
  "return timeline.ttl;"
  "return backoff.next(timeline.retry_min, timeline.retry_max);"
  "CoolDownTest.*")

set(mutated src/lease/majority.cc)

add_mutation(one_sentinel_is_enough
  "count(last.answer, round) >= needed"
  "count(last.answer, round) >= std::min<std::size_t>(needed, 1)"
  "MajorityTest.*")

add_mutation(old_answers_count
  "return one.second.round >= round && one.second.answer == answer;"
  "return one.second.answer == answer;"
  "MajorityTest.*")

set(mutated test/support/model_server.cc)

add_mutation(young_server_grants
  "if (!is_own && young_for_ > 0)"
  "if (false)"
  "SupervisorSearch.JobNeverLivesBesideTheRivalWhenTheServerRestartsEmpty")

add_mutation(young_server_grants_a_parked_key
  "if (!is_own && young_for_ > 0)"
  "if (!is_own && young_for_ > 0 && lock_ == kFree)"
  "SupervisorSearch.*YoungServerHasTheKeyParked*")

add_mutation(release_deletes_anothers_lease
  "if (lock_ == id || (lock_ == kFree && holder_ == id)) {
    lock_ = kFree;"
  "{
    lock_ = kFree;"
  "SupervisorSearch.JobNeverLivesWithoutTheKeyWhenAnEarlierLeaseWasHandedBack")

add_mutation(vanished_lease_is_free
  "if (lock_ == kFree && until_in_ > 0 && holder_ != id) return {Verdict::kBusy, fence_};"
  ""
  "SupervisorSearch.JobNeverLivesBesideTheRivalWhenTheServerEvictsTheKey")

add_mutation(promoted_server_grants
  "    is_newly_promoted_ = false;
    young_for_ = kTtl + 1;"
  ""
  "SupervisorSearch.JobNeverLivesBesideTheRivalWhenAReplicaIsPromotedWithoutTheLease")

add_mutation(lower_fence_ignored
  "(fence_ < request.seen || request.barred)"
  "false"
  "SupervisorSearch.JobNeverLivesBesideARivalThatHasWatchedWhenTheServerLosesItsData")

add_mutation(lower_fence_forgotten_at_once
  "(fence_ < request.seen || request.barred)"
  "fence_ < request.seen"
  "SupervisorSearch.JobNeverLivesBesideARivalThatHasWatchedWhenTheServerLosesItsData")

# How long a connection may be relied on.
set(mutated src/lease/freshness.cc)
set(moving "MovingSearch.AJobNeverLivesBesideTheRivalsWhenTheNameMoves")
add_mutation(old_connections_count_for_grants
  "return granted_at < confirmed_at_ + kFreshForGrants;"
  "return true;"
  "${moving}")

add_mutation(connections_count_for_too_long
  "kFreshForGrants = std::chrono::milliseconds(250)"
  "kFreshForGrants = std::chrono::milliseconds(1200)"
  "${moving}")

add_mutation(holder_never_checks
  "check_at_ = std::max(checked_at_ + interval_, not_before_);"
  "check_at_ = kNever;"
  "${moving}")

add_mutation(address_counts_for_grants
  "  confirmed_at_ = std::max(confirmed_at_, asked_at);
  confirm_address(asked_at);
}"
  "  confirm_address(asked_at);
}"
  "FreshnessTest.*")

# Who tries when.
set(mutated src/lease/queue.cc)
add_mutation(everybody_has_the_first_turn
  "return passed == 0 ? Time::min() : late_at + steps(passed);"
  "return late_at;"
  "QueueSearch.*:QueueTest.*")

add_mutation(turn_of_the_dead_never_passes
  "return passed == 0 ? Time::min() : late_at + steps(passed);"
  "return passed == 0 ? Time::min() : kNever;"
  "QueueSearch.*:QueueTest.*")

add_mutation(passed_over_place_is_lost
  "    place.is_passed_over = false;
"
  ""
  "QueueTest.WhoeverWasPassedOverGetsItsPlaceBack")

add_mutation(passed_over_place_keeps_its_turn
  "    place.is_passed_over = true;
"
  ""
  "QueueSearch.*:QueueTest.*")

add_mutation(passed_over_place_stays
  "std::min(place.lapses_at, now + kGrace)"
  "place.lapses_at"
  "QueueSearch.*:QueueTest.*")

add_mutation(only_the_first_is_woken
  "if (woken.size() == late_.size() - 1 + kWoken) break;"
  "if (!woken.empty()) break;"
  "QueueSearch.*:QueueTest.*")

add_mutation(waits_longer_than_its_place_lasts
  "Duration length = ttl;"
  "Duration length = kNever - Time();"
  "QueueSearch.*:QueueTest.*")

add_mutation(all_ask_when_the_lease_ends
  "i < ahead ? kTurn + steps(ahead - i - 1) : Duration::zero()"
  "Duration::zero()"
  "QueueTest.*")

add_mutation(place_lapses_at_the_first_ask
  "now + 2 * ttl + std::chrono::seconds(1)"
  "now + ttl"
  "QueueSearch.*:QueueTest.*")

add_mutation(place_never_lapses
  "place.lapses_at <= now;"
  "place.lapses_at < Time{};"
  "QueueTest.*")

add_mutation(whoever_leaves_shortens_a_turn
  "for (Late& late : late_) late.at = std::max(late.at, now);"
  "static_cast<void>(now);"
  "QueueSearch.*:QueueTest.*")

add_mutation(lease_of_another_counts_for_the_turn
  "note->fence != opening.fence"
  "false"
  "QueueSearch.*:QueueTest.*")

add_mutation(turns_begin_before_anybody_has_noticed
  "std::max(std::min(*opening.end, now) + kTurn, now)"
  "std::min(*opening.end, now) + kTurn"
  "QueueSearch.*:QueueTest.*")

add_mutation(clock_set_back_delays_turns
  "note->at = std::min(note->at, now + kTurn);"
  "static_cast<void>(now);"
  "QueueTest.AClockThatWasSetBackMakesNobodyWait")

# Of a key with several slots.
add_mutation(only_the_first_in_line_may_take_a_free_slot
  "return ahead < free_slots ? 0 : ahead - free_slots + 1;"
  "return ahead;"
  "QueueSearch.*TwoSlots*:QueueTest.*")

add_mutation(whoever_takes_another_slot_uses_up_the_turn_for_it
  "late_[own].at = note != late_.end() ? note->at : now + kTurn;"
  ""
  "QueueSearch.*TwoSlots*:QueueTest.*")

add_mutation(all_before_are_passed_over
  "if (passed_over.size() == passed) break;"
  "if (place.holder == holder) break;"
  "QueueSearch.*TwoSlots*:QueueTest.*")

add_mutation(only_the_first_slot_ends
  "i < rests.size() && i <= ahead;"
  "i < rests.size() && i < 1;"
  "QueueTest.*")
