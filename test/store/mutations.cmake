# Breaks rules of the stores.

# Without it, OpenSSL says of a long buffer that nothing was written when the server has read a part.
set(mutated src/store/net/tls_context.cc)
add_mutation(tls_writes_all_or_nothing
  "SSL_MODE_ENABLE_PARTIAL_WRITE | "
  ""
  "TlsFaultTest.NoCommandThatTheServerHasReadCountsAsUnwritten")

# A server that names an older protocol goes on in it.
set(mutated src/store/redis/login.cc)
add_mutation(protocol_of_the_reply_ignored
  "if (reply.type != REDIS_REPLY_MAP || is_other_protocol) {"
  "if (false) {"
  "RedisProxyTest.AProxyThatAnswersHelloInAnOlderProtocolIsUsedInResp2")

add_mutation(role_not_asked_in_resp2
  "    queue(Purpose::kRole, {\"ROLE\"});
    queue(Purpose::kRole, {\"INFO\", \"replication\"});"
  ""
  "RedisProxyTest.AWritableReplicaIsRefusedInResp2")

# A replica that was promoted may lack a lease whose job is running.
set(mutated src/store/redis/script_command.cc)
add_mutation(promotion_not_noticed
  "if (takes_lock(request.kind) && !memory.is_cluster_node) add({kPromotionMark});"
  ""
  "PromotionTest/Redis.AFreeKeyIsGrantedATtlAndASecondAfterThePromotionWasNoticed")

set(mutated src/store/redis/info.cc)
add_mutation(promotion_not_noticed_outside_of_scripts
  "facts.was_replica = number_in(info, \"second_repl_offset\").has_value();"
  ""
  "PromotionTest/Redis.IsNoticedWhereScriptsMayNotRunInfo")

# What a candidate has seen of the server.
set(mutated src/store/redis/server_clock.cc)
add_mutation(step_of_the_clock_not_noticed
  "expected && server_ms > expected->latest_ms"
  "false"
  "ServerClockTest.NoticesAStepForwardAndGoesOnFromThere:ClockStepTest/Redis.AStepForwardGivesTheKeyToNobodyWhoHasWatchedIt")

set(mutated src/store/redis/store_replies.cc)
add_mutation(lower_fence_not_noticed
  "if (seen != entry.fences.end() && is != sighting->fences.end()) {"
  "if (false) {"
  "ClockStepTest/Redis.AServerThatLostItsDataGivesTheKeyToNobodyWhoHasWatchedIt")

add_mutation(step_forgotten_at_once
  "if (clock_.step()) memory.ms_since_step"
  "if (false) memory.ms_since_step"
  "ClockStepTest/Redis.AStepForwardIsNoticedWhileTheKeyIsHeld")

add_mutation(loss_forgotten_at_once
  "if (entry.loss) memory.ms_since_loss"
  "if (false) memory.ms_since_loss"
  "ClockStepTest/Redis.AServerThatLostItsDataGivesTheKeyToNobodyWhoHasWatchedIt")

add_mutation(slow_server_taken_for_a_step
  "is_newly_suspect(reply) && !is_shaken(entry)"
  "false"
  "ClockStepTest/Redis.AServerThatWasSlowHasNotSetItsClock")

# A server whose age is not known may have forgotten a lease whose job is running.
set(mutated src/store/redis/server_age.cc)
add_mutation(unknown_age_taken_for_old
  "is_hidden() ? watched : uptime_s_"
  "is_hidden() ? watched : 1000000"
  "RedisProxyTest.WhereScriptsMayNotRunInfoAYoungServerIsStillYoung")

# A restart that a proxy hides.
add_mutation(run_id_ignored
  "std::exchange(run_id_, facts.run_id) != facts.run_id"
  "std::exchange(run_id_, facts.run_id).empty()"
  "RedisProxyTest.AnotherRunIdIsARestartBehindAProxy")

# A name that leads to another server by now, while the old one goes on.
set(mutated src/store/redis/store_freshness.cc)
add_mutation(other_server_taken_for_the_same
  "const bool is_same = !reached->run_id.empty() && known_.run_id == reached->run_id;"
  "const bool is_same = true;"
  "RedisMovingTest.AWaiterIsNotGrantedTheKeyThatIsFreeOnTheOldServerOnly")

set(mutated src/store/redis/store.cc)
add_mutation(holder_relies_on_its_connection
  "if (request.kind == RequestKind::kRenew && !probe_ && !sentinels_) freshness_.expect_check();"
  ""
  "RedisMovingTest.AHolderIsOnTheNewServerHalfATtlAfterAMove")

set(mutated src/store/redis/store_replies.cc)
add_mutation(grant_over_an_old_connection_counts
  ".awaits_check = takes && !sentinels_ && !freshness_.counts(entry.granted_at),"
  ".awaits_check = false,"
  "RedisMovingTest.AWaiterIsNotGrantedTheKeyThatIsFreeOnTheOldServerOnly")

# A lease that too few replicas have may be lost with the primary.
add_mutation(answers_not_held_back_for_replicas
  ".awaits_replicas = location_.min_replicas > 0,"
  ".awaits_replicas = false,"
  "MinReplicasTest.*TooFewReplicasHave*")

# An old primary goes on answering after another one was promoted.
add_mutation(renewal_counts_without_the_sentinels
  "later_round() : entry.round"
  "later_round() : 0"
  "SentinelStoreTest.ARenewalCountsOnlyIfAMajorityNamesTheServerAfterwards")

add_mutation(grant_counts_without_the_sentinels
  ".round = takes ? later_round()"
  ".round = takes ? 0"
  "SentinelStoreTest.AGrantCountsOnlyIfAMajorityNamesTheServerAfterIt")

set(mutated src/store/redis/sentinel_watch.cc)
add_mutation(sentinel_with_two_names_counts_twice
  "identify(member, std::string(is_error ? std::string_view() : text_of(reply)));"
  "identify(member, as_answer(member.endpoint));"
  "SentinelStoreTest.TwoNamesOfOneSentinelCountOnce")

# What a quorum promises; the search knows nothing of the repair, for which there is a test.
set(mutated src/store/quorum/store_answers.cc)
set(quorum_search "QuorumSearch.*TokensOnlyGrow")
add_mutation(quorum_without_a_second_round
  "  begin(candidacy, Step::kAdopt);"
  "  finish(candidacy, Granted{entry.token});"
  "${quorum_search}")

add_mutation(quorum_renewed_by_one_server
  "if (majority == MajorityAnswer::kYes) return finish(candidacy, Renewed{entry.stop});"
  "if (majority != MajorityAnswer::kUndecided) return finish(candidacy, Renewed{entry.stop});"
  "${quorum_search}:QuorumStoreTest.ARenewal*")

set(mutated src/store/quorum/store.cc)
add_mutation(quorum_without_repair
  "if (entry.step == Step::kNone || seat.mark != Mark::kPending) return;"
  "if (entry.step == Step::kNone || seat.mark != Mark::kPending) return;
  if (entry.step == Step::kRenew && !seat.may_hold) return;"
  "QuorumStoreTest.ARenewalGivesTheLeaseToEveryServerThatLacksIt")

add_mutation(quorum_reuses_an_id_whose_release_may_come_late
  "if (!is_clean || entry.is_burnt) {"
  "if (!is_clean) {"
  "QuorumStoreTest.AnIdNeverAcquiresAgainThoughASecondReleaseWasAnswered")

set(mutated src/store/redis/script_command.cc)
add_mutation(vote_writes_the_record
  "request.kind == RequestKind::kVote ? \"\" : events_channel(candidacy.key)"
  "events_channel(candidacy.key)"
  "VoteTest/Redis.AVoteLeavesFenceAndRecordAlone")

# Who waits is served in order.
set(mutated src/store/file/queue.cc)
add_mutation(directory_serves_whoever_asks
  "if (now < turn) {"
  "if (false) {"
  "File/QueueContractTest*")

set(mutated src/store/redis/store_replies.cc)
add_mutation(next_one_is_not_told
  "if (what == \"next\" && holder == candidacies_[candidacy].candidacy.holder.value) {"
  "if (false) {"
  "Redis/QueueContractTest*")

# A node of a cluster that was promoted may lack a lease, too.
set(mutated src/store/redis/store_node.cc)
add_mutation(promotion_of_a_node_noticed_long_ago
  "node_->mark = {std::move(replication_id), *since};"
  "node_->mark = {std::move(replication_id), \"1\"};"
  "ClusterFailoverTest.APromotedNodeGrantsNothingNewForATtl")

# A key on its way to another node is renewed there only behind ASKING.
set(mutated src/store/cluster/store.cc)
add_mutation(sent_without_asking
  "ask(candidacy, next, !redirected.to.is_for_good);"
  "ask(candidacy, next, false);"
  "ClusterStoreTest.ASlotThatIsMovedWhileItsKeyIsHeld")

# The rules that the scripts on the server keep.
set(mutated src/store/redis/scripts/release.lua)
add_mutation(lua_release_deletes_anothers_lock
  "if value == id then redis.call('DEL', lock) end"
  "if value then redis.call('DEL', lock) end"
  "RedisStoreTest/Redis.AReleaseLeavesAnothersLockAlone")

set(mutated src/store/redis/scripts/finish.lua)
add_mutation(lua_finish_ends_anothers_lease
  "if value ~= id and (value or fields[1] ~= id) then return {'released'} end"
  ""
  "Redis/FinishContractTest/0.FinishingNeverTouchesAnothersLease")

set(mutated src/store/redis/scripts/renew.lua)
add_mutation(lua_renewal_takes_anothers_lock
  "if value and value ~= id then return {'lost', value} end"
  ""
  "Redis/StoreContractTest/0.RenewOfAnothersKeyIsLost")

add_mutation(lua_renewal_takes_back_a_later_lease
  "if fence > token then return {'lost', ''} end"
  ""
  "Redis/ExpiringStoreContractTest/0.ARenewalNeverTakesBackALaterLease")

add_mutation(lua_renewal_brings_back_what_was_released
  "if fence == token and (not fields[2] or holder ~= id) then return {'lost', ''} end"
  ""
  "Redis/StoreContractTest/0.ADelayedRenewalDoesNotResurrectAReleasedLease")

add_mutation(lua_renewal_sets_nothing_again
  "redis.call('SET', lock, id, 'PX', ttl)"
  ""
  "RedisStoreTest/Redis.SurvivesFlushall")

set(mutated src/store/redis/scripts/acquire.lua)
add_mutation(lua_vanished_lock_is_free
  "if slot.value or slot.ends <= now or slot.holder == id then return nil end"
  "do return nil end"
  "Redis/ExpiringStoreContractTest/0.CandidatesWaitUntilTheVanishedLeaseWouldHaveEnded")

add_mutation(lua_second_answer_is_another_lease
  "if own and own.value and own.holder == id and not is_vote then"
  "if false then"
  "Redis/StoreContractTest/0.AcquireIsIdempotentForItsOwnId")

add_mutation(lua_young_server_grants
  "local young_for = uptime < needed and"
  "local young_for = false and"
  "RedisStoreTest/Redis.AYoungServerGrantsNothingToNewCandidates")

add_mutation(lua_young_for_the_own_ttl_only
  "local longest = math.max(ttl, slot.ends > 0 and slot.ttl or 0)"
  "local longest = ttl"
  "RedisStoreTest/Redis.AServerIsYoungForAsLongAsTheLastHoldersTtl")

add_mutation(lua_token_ignores_the_servers_time
  "local token = whole(math.max(taken.fence + 1, now))"
  "local token = whole(taken.fence + 1)"
  "RedisStoreTest/Redis.SurvivesFlushall")

add_mutation(lua_token_ignores_the_fence
  "local token = whole(math.max(taken.fence + 1, now))"
  "local token = whole(now)"
  "RedisStoreTest/Redis.ATokenIsHigherThanTheLastOneAlthoughTheClockWasSetBack")

add_mutation(lua_newer_candidates_are_ignored
  "if came and era > came then"
  "if false then"
  "Redis/RegistryContractTest/0.WhoeverSupersedesAsksTheHolderAndSendsAwayWhoeverWaits")

set(mutated src/store/redis/scripts/adopt.lua)
add_mutation(lua_settlement_compares_nothing
  "if value ~= id then return {'lost', value or ''} end"
  ""
  "VoteTest/Redis.NothingIsAdoptedWithoutTheVoteOrAfterALaterLease")

add_mutation(lua_vote_in_the_way_of_a_later_lease
  "if (tonumber(fields[1] or 0) or 0) >= token and fields[2] ~= id then return {'lost', ''} end"
  ""
  "VoteTest/Redis.NothingIsAdoptedWithoutTheVoteOrAfterALaterLease")
