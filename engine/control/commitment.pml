/* The commitment protocol of one migration, for spin (https://spinroot.com).
 *
 * Two ends, each with a journal that survives it; either may crash at any step
 * and comes back with its journal alone. VMMs outlive the engine: s_vm and t_vm
 * are facts of the hosts, not of the engine's memory. The link loses what it
 * likes. Bounded by CRASHES and LOSSES, so that what must come about "in the
 * end" can be checked; with LINK_DOWN the link may also go for ever.
 *
 *   source                                   target
 *   Copying     guest runs                   Reserved    a shell waits
 *   AwaitPrepared  paused ---- FINAL ---->   (load, prove, sync)
 *   Commit      <--- PREPARED -----------    AwaitCommit   [PREPARED]
 *      freeze, then [COMMITTED]
 *   AwaitRunning   ---- COMMIT ---------->   Resume        [RUNNING], then run
 *   Discard     <--- RUNNING ------------    Running
 *      discard, [DISCARDED]
 *
 * [X] is a journal record. What is not in the source's journal was never
 * committed (presumed abort, Mohan and Lindsay 1983): an abort needs no record.
 * In the code (journal_entry.h) an abort is recorded all the same, so that a
 * mover that was thought dead cannot commit after it; NOTHING stands for both
 * here. The sessions (engine/migration) go these ways, and the agents
 * (tools/agent) those of the restarts.
 *
 * What spin showed on the way, and the design keeps:
 *  - a target in doubt says PREPARED again; a mere question would wait for ever
 *    for a source that never got the first PREPARED;
 *  - a target in doubt may be told by its operator to discard, whatever the
 *    source has decided: it records DISCARDED and refuses a later COMMIT, and
 *    the source, which still has the frozen image, takes the guest back;
 *  - freeze, then record, then send: every other order of the three is wrong.
 *
 * Mutants, each of which must be found wrong (commitment_model_test.py):
 *   BUG_SEND_BEFORE_RECORD    COMMIT is sent before its record is on disk
 *   BUG_RECORD_BEFORE_FREEZE  the record is there while the guest would still
 *                             resume by itself
 *   BUG_RUN_BEFORE_RECORD     the target resumes before RUNNING is on disk
 *   BUG_DISCARD_EARLY         the source discards when COMMIT has been sent
 *   BUG_ONLY_ASKS             a target in doubt does not repeat PREPARED
 *   BUG_NEVER_TAKES_BACK      a source that is refused goes on telling
 */
#ifndef CRASHES
#define CRASHES 2
#endif
#ifndef LOSSES
#define LOSSES 2
#endif

/* What the hosts have. A PAUSED guest resumes by itself when its mover dies;
 * a FROZEN one does not (Guest::commit()). */
mtype:vm = { RUNS, PAUSED, FROZEN, SHELL, LOADED, GONE };
mtype:record = { NOTHING, COMMITTED, PREPARED, RUNNING, DISCARDED };
mtype:message = { FINAL, IS_PREPARED, COMMIT, IS_RUNNING, ABORT, REFUSED
#ifdef BUG_ONLY_ASKS
  , ASK
#endif
};

mtype:vm s_vm = RUNS;
mtype:vm t_vm = SHELL;
mtype:record s_journal = NOTHING;
mtype:record t_journal = NOTHING;

chan to_target = [2] of { mtype:message };
chan to_source = [2] of { mtype:message };

byte crashes = CRASHES;
byte losses = LOSSES;
bool link_is_down = false;
bool operator_may_discard = true;
bool ran_at_target = false;

#define exactly_one (((s_vm == RUNS) + (t_vm == RUNS)) == 1)
#define frozen_image_remains (s_vm == FROZEN || s_vm == PAUSED)

/* Into the channel, or lost; a full channel loses too. */
inline send(channel, what) {
  atomic {
    if
    :: link_is_down -> skip
    :: !link_is_down && nfull(channel) -> channel!what
    :: !link_is_down && full(channel) -> skip
    :: !link_is_down && losses > 0 -> losses--
    fi
  }
}

#define may_crash(where)                        \
  atomic {                                      \
    if                                          \
    :: crashes > 0 -> crashes--; goto where     \
    :: true -> skip                             \
    fi                                          \
  }

active proctype Source() {
  mtype:message got;

Copying: /* stages 1 to 3: anything may end it */
  if
  :: goto Abort
  :: atomic { s_vm = PAUSED }
  fi;
  may_crash(SourceRestart);
  send(to_target, FINAL);

AwaitPrepared:
  may_crash(SourceRestart);
  if
  :: to_source?got ->
     if
     :: got == IS_PREPARED -> goto Commit
     :: got == REFUSED -> goto Abort
     :: else -> goto AwaitPrepared
     fi
  :: empty(to_source) -> goto Abort /* no patience left, or cancelled */
  fi;

Commit:
#ifdef BUG_SEND_BEFORE_RECORD
  s_vm = FROZEN;
  send(to_target, COMMIT);
  may_crash(SourceRestart);
  s_journal = COMMITTED;
#else
#ifdef BUG_RECORD_BEFORE_FREEZE
  s_journal = COMMITTED;
  may_crash(SourceRestart);
  s_vm = FROZEN;
#else
  s_vm = FROZEN;
  may_crash(SourceRestart);
  s_journal = COMMITTED;
#endif
#endif
  may_crash(SourceRestart);
  send(to_target, COMMIT);
#ifdef BUG_DISCARD_EARLY
  goto Discard;
#endif

AwaitRunning:
  may_crash(SourceRestart);
  if
  :: to_source?got ->
     if
     :: got == IS_RUNNING -> goto Discard
     /* It never ran there and never will: its journal says so. */
#ifndef BUG_NEVER_TAKES_BACK
     :: got == REFUSED -> goto TakeBack
#endif
     :: else -> send(to_target, COMMIT); goto AwaitRunning
     fi
  :: empty(to_source) && empty(to_target) ->
     send(to_target, COMMIT); goto AwaitRunning
  fi;

TakeBack:
  s_journal = NOTHING;
  may_crash(SourceRestart);
  goto Abort;

Discard:
  s_vm = GONE;
  may_crash(SourceRestart);
  s_journal = DISCARDED;

Discarded: /* only answers */
end_discarded:
  to_source?got;
  if
  :: got == IS_PREPARED -> send(to_target, COMMIT)
  :: else -> skip
  fi;
  goto Discarded;

Abort:
  if
  :: s_vm != RUNS -> s_vm = RUNS
  :: else -> skip
  fi;
  may_crash(SourceRestart);
  send(to_target, ABORT);

Aborted: /* only answers */
end_aborted:
  to_source?got;
  if
  :: got == IS_PREPARED -> send(to_target, ABORT)
  :: else -> skip
  fi;
  goto Aborted;

SourceRestart: /* the journal alone says where it was */
  if /* the shim: a paused guest that nobody committed goes on */
  :: s_vm == PAUSED -> s_vm = RUNS
  :: else -> skip
  fi;
  if
  :: s_journal == COMMITTED && s_vm != GONE -> goto AwaitRunning
  :: s_journal == COMMITTED && s_vm == GONE -> goto Discard
  :: s_journal == DISCARDED -> goto Discarded
  :: s_journal == NOTHING -> goto Abort
  fi
}

active proctype Target() {
  mtype:message got;

Reserved:
  may_crash(TargetRestart);
  if
  :: to_target?got ->
     if
     :: got == FINAL -> skip
     :: got == ABORT -> goto DiscardShell
     :: else -> goto Reserved
     fi
  :: empty(to_target) -> goto DiscardShell /* its patience, or its host's end */
  fi;
  t_vm = LOADED;
  may_crash(TargetRestart);
  t_journal = PREPARED;
  may_crash(TargetRestart);
  send(to_source, IS_PREPARED);

AwaitCommit: /* the source decides; only its word ends this */
  may_crash(TargetRestart);
  if
  :: to_target?got ->
     if
     :: got == COMMIT -> goto Resume
     :: got == ABORT -> goto DiscardShell
     :: else -> send(to_source, IS_PREPARED); goto AwaitCommit
     fi
  :: empty(to_target) && empty(to_source) ->
#ifdef BUG_ONLY_ASKS
     send(to_source, ASK); goto AwaitCommit
#else
     send(to_source, IS_PREPARED); goto AwaitCommit
#endif
  :: operator_may_discard ->
     operator_may_discard = false; goto DiscardShell
  :: crashes > 0 -> /* the host's power: its RAM is gone, it has never run */
     crashes--; t_vm = GONE; goto DiscardShell
  fi;

Resume:
#ifdef BUG_RUN_BEFORE_RECORD
  atomic { t_vm = RUNS; ran_at_target = true }
  may_crash(TargetRestart);
  t_journal = RUNNING;
#else
  t_journal = RUNNING;
  may_crash(TargetRestart);
  atomic { t_vm = RUNS; ran_at_target = true }
#endif
  may_crash(TargetRestart);
  send(to_source, IS_RUNNING);

Running: /* only answers */
end_running:
  to_target?got;
  if
  :: got == COMMIT -> send(to_source, IS_RUNNING)
  :: else -> skip
  fi;
  goto Running;

DiscardShell:
  t_vm = GONE;
  may_crash(TargetRestart);
  t_journal = DISCARDED;
  send(to_source, REFUSED);

Refusing: /* only answers */
end_refusing:
  to_target?got;
  if
  :: got == FINAL || got == COMMIT -> send(to_source, REFUSED)
  :: else -> skip
  fi;
  goto Refusing;

TargetRestart:
  if
  :: t_journal == NOTHING -> goto DiscardShell
  :: t_journal == PREPARED && t_vm == LOADED -> goto AwaitCommit
  :: t_journal == PREPARED && t_vm == GONE -> goto DiscardShell
  :: t_journal == RUNNING -> goto Resume
#ifdef BUG_RUN_BEFORE_RECORD
  :: t_journal == PREPARED && t_vm == RUNS -> goto AwaitCommit
#endif
  :: t_journal == DISCARDED -> goto Refusing
  fi
}

#ifdef LINK_DOWN
active proctype Link() {
  link_is_down = true
}
#endif

active proctype Invariants() {
end_invariants:
  atomic {
    /* Also one after the other: it would go back in time. */
    (s_vm == RUNS && ran_at_target) || (s_vm == GONE && t_vm != RUNS) ->
    assert(false)
  }
}

/* With both hosts and the link back for good: exactly one runs in the end. */
ltl one_runs_in_the_end { <>[] exactly_one }
/* Whatever the link does: something of the guest is there, always. */
ltl one_runs_or_an_image_remains {
  [] (s_vm == RUNS || t_vm == RUNS || frozen_image_remains)
}
