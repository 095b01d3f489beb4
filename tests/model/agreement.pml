/*
 * One instance of agreement: rules A1 to A13 of consensus/PROTOCOL.md, N = 4, f = 1, q = 3, t = 2.
 *
 * Three honest members and one Byzantine one, VIEWS views, the valid values RED and BLUE, and JUNK,
 * which no honest member finds valid. Checked in every reachable state:
 *   agreement        nobody decides two values, and no two members decide differently;
 *   validity         what is decided is valid;
 *   lock discipline  who precommitted u prevotes another value later only if that value had a
 *                    quorum of prevotes in the view of that precommit or after it;
 * and with -DCALM, which counts who heard what of the Byzantine member:
 *   progress         with all votes of view 0 cast, were it silent from now on and all that is held
 *                    relayed, then every honest leader has a proposal that every honest member
 *                    prevotes; with all votes of a decided view cast, all can decide.
 *
 * What is left out, and why nothing is lost by that:
 *   - No channels. A vote is sent when it is cast, and a rule that asks for q votes may fire once
 *     they are cast, or never. Rules ask only that votes *are* held, so any delay, order,
 *     loss, copy, partition and relay (T2) is some choice of when rules fire.
 *   - No state of the Byzantine member. Its vote for anything, in any slot, to anybody, may be
 *     held at any time (A12: each value that it names counts), so it counts 1 in every quorum.
 *     A view that it leads has any proposal, another for each member, with any valid view.
 *   - No clocks: a timer that was started may run out at any time (A7, A10).
 *   - Pending validity (A11), a proposer without a value (A1), and nil for a proposal that is
 *     refused (A3, A4) are cases of waiting, and of prevoting nil when the timer is out.
 *   - Nobody stops once it has decided: more may happen here than in the code.
 *   - Slots are single by construction (A13); a restart loses what only memory held. The precommits stored
 *     with a view that was left (A13) are no loss here: Byzantine votes for nil may be held at any time.
 *   - Values are interchangeable, and honest members too up to who leads: the first value that
 *     is named is RED, and leaders are numbered in the order of their views.
 *   - Certificates (A14) are relay by other means; evidence (A15) changes no vote's weight.
 *
 * WIDE adds restarts and catching up (A9), which README.md shows to add nothing to safety; FORK
 * looks for forks alone; VIEWS and BAD bound a search. Every other #ifdef is a fault that the
 * search must find (mutants.py).
 */

#ifndef VIEWS
#define VIEWS 3
#endif

#define NONE 0
#define NIL 1
#define RED 2
#define BLUE 3
#define JUNK 4

#ifdef QUORUM_MINUS_ONE
#define Q 2
#else
#define Q 3
#endif
#define BYZ 1 /* votes that the Byzantine member adds to any count */

byte view[3];             /* of each honest member */
byte lock_view[3];        /* view + 1, 0 for unlocked */
byte lock_value[3];
byte valid_view[3];       /* view + 1, 0 for none */
byte valid_value[3];
byte prevote[3 * VIEWS];  /* by member, then view */
byte precommit[3 * VIEWS];
byte offer[VIEWS];        /* what the honest leader of a view proposed */
byte offer_valid[VIEWS];  /* with which valid view + 1 */
byte bad;                 /* the view that the Byzantine member leads; VIEWS for none of these */
hidden byte u, w2;        /* scratch */
hidden byte fine;

/* One vote of a kind. */
#define CAST(kind, who, w) kind[(who) * VIEWS + (w)]
#define FOR(kind, w, v) \
	((CAST(kind, 0, w) == v) + (CAST(kind, 1, w) == v) + (CAST(kind, 2, w) == v))
#define ANY(kind, w) \
	((CAST(kind, 0, w) != NONE) + (CAST(kind, 1, w) != NONE) + (CAST(kind, 2, w) != NONE))

/* A1: who leads; the order skips the Byzantine member. */
#define LEADS(who, w) (w != bad && who == (w < bad -> w : w - 1))
#define OFFERED(w, v) (w == bad || offer[w] == v)
#define OFFERED_WITH(w, v, vr) (w == bad || (offer[w] == v && offer_valid[w] == vr))

/* A valid value is only ever read by who leads a later view; others need not remember one. */
#define WILL_LEAD(who) \
	(LEADS(who, view[who] + 1) || LEADS(who, view[who] + 2) || LEADS(who, view[who] + 3))
#define REMEMBERS(who, v) \
	if :: WILL_LEAD(who) -> valid_view[who] = view[who] + 1; valid_value[who] = v :: else fi

/* Where in its view a member stands is what it has cast there. */
#define PROPOSING(who) (CAST(prevote, who, view[who]) == NONE && CAST(precommit, who, view[who]) == NONE)
#define PREVOTING(who) (CAST(prevote, who, view[who]) != NONE && CAST(precommit, who, view[who]) == NONE)
#define PRECOMMITTED(who) (CAST(precommit, who, view[who]) != NONE)

/* A9: what shows that a member is in view w: its votes, its proposal. */
#define SHOWN(who, w) \
	(CAST(prevote, who, w) != NONE || CAST(precommit, who, w) != NONE || (LEADS(who, w) && offer[w] != NONE))
#if VIEWS == 2
#define SHOWN_FROM(who, w) SHOWN(who, w)
#elif VIEWS == 3
#define SHOWN_FROM(who, w) (SHOWN(who, w) || (w < 2 && SHOWN(who, 2)))
#else
#define SHOWN_FROM(who, w) (SHOWN(who, w) || (w < 2 && SHOWN(who, 2)) || (w < 3 && SHOWN(who, 3)))
#endif
#define AHEAD(me, w) \
	((me != 0 && SHOWN_FROM(0, w)) || (me != 1 && SHOWN_FROM(1, w)) || (me != 2 && SHOWN_FROM(2, w)))

/* By symmetry RED is named before BLUE. */
#define RED_IN(w) (FOR(prevote, w, RED) > 0 || offer[w] == RED)
#if VIEWS == 2
#define NAMED(v) (v != BLUE || RED_IN(0) || RED_IN(1))
#elif VIEWS == 3
#define NAMED(v) (v != BLUE || RED_IN(0) || RED_IN(1) || RED_IN(2))
#else
#define NAMED(v) (v != BLUE || RED_IN(0) || RED_IN(1) || RED_IN(2) || RED_IN(3))
#endif

#ifdef VALIDITY_UNCHECKED
#define IS_VALID(v) true
#else
#define IS_VALID(v) (v != JUNK)
#endif

#ifdef NO_LOCK
#define UNLOCKED(who) true
#else
#define UNLOCKED(who) (lock_view[who] == 0)
#endif

#ifdef CALM
byte decision;            /* what anybody has decided */
/* heard: which Byzantine votes a member used, a bit each: 2 kinds, views, RED and BLUE. */
#define PREVOTE_BIT(w, v) (1 << ((w) * 2 + (v) - RED))
#define PRECOMMIT_BIT(w, v) (1 << (2 * VIEWS + (w) * 2 + (v) - RED))
int heard[3];
hidden int proof; /* scratch */
#ifdef FIRST_VOTE_WINS
int deaf[3]; /* slots in which it heard nil first: one bit each of 2 kinds and the views */
#define HEARS(who, kind, w) (!(deaf[who] & (1 << (kind * VIEWS + (w)))))
#else
#define HEARS(who, kind, w) true
#endif
#define QUORUM_OF_PREVOTES(who, w, v) (FOR(prevote, w, v) + HEARS(who, 0, w) * BYZ >= Q)
#define QUORUM_OF_PRECOMMITS(who, w, v) (FOR(precommit, w, v) + HEARS(who, 1, w) * BYZ >= Q)
#define HEAR_PREVOTE(who, w, v) \
	if :: FOR(prevote, w, v) < Q -> heard[who] = heard[who] | PREVOTE_BIT(w, v) :: else fi
#define HEAR_PRECOMMIT(who, w, v) \
	if :: FOR(precommit, w, v) < Q -> heard[who] = heard[who] | PRECOMMIT_BIT(w, v) :: else fi
#ifdef NO_RELAY
#define RELAYED(who) heard[who]
#else
#define RELAYED(who) (heard[0] | heard[1] | heard[2]) /* T2 */
#endif
/* What a member holds once all is relayed and the Byzantine member says no more. */
#define KNOWS_PREVOTES(who, w, v) \
	(FOR(prevote, w, v) + (HEARS(who, 0, w) && (RELAYED(who) & PREVOTE_BIT(w, v))) >= Q)
#define KNOWS_PRECOMMITS(who, w, v) \
	(FOR(precommit, w, v) + (HEARS(who, 1, w) && (RELAYED(who) & PRECOMMIT_BIT(w, v))) >= Q)
#define HOLDS_PRECOMMITS(who, w, v) \
	(FOR(precommit, w, v) + ((heard[who] & PRECOMMIT_BIT(w, v)) != 0) >= Q)
#else
#define QUORUM_OF_PREVOTES(who, w, v) (FOR(prevote, w, v) + BYZ >= Q)
#define HEAR_PREVOTE(who, w, v) skip
#define HEAR_PRECOMMIT(who, w, v) skip
#ifdef ACROSS_VIEWS
#define EVER(who, v) (CAST(precommit, who, 0) == v || CAST(precommit, who, 1) == v \
	|| CAST(precommit, who, VIEWS - 2) == v || CAST(precommit, who, VIEWS - 1) == v)
#define QUORUM_OF_PRECOMMITS(who, w, v) (EVER(0, v) + EVER(1, v) + EVER(2, v) + BYZ >= Q)
#else
#define QUORUM_OF_PRECOMMITS(who, w, v) (FOR(precommit, w, v) + BYZ >= Q)
#endif
#endif

/* Lock discipline, told from what was signed and not from the lock. */
inline keep_discipline(v) {
	u = view[me];
	fine = true;
	do
	:: u > 0 ->
		u--;
		if
		:: CAST(precommit, me, u) > NIL -> /* the latest value precommitted, in view u */
			if
			:: CAST(precommit, me, u) != v ->
				fine = false;
				w2 = u;
				do
				:: w2 < view[me] -> fine = fine || FOR(prevote, w2, v) >= 2; w2++
				:: else -> break
				od
			:: else
			fi;
			break
		:: else
		fi
	:: else -> break
	od;
#ifndef FORK
	assert(fine); /* lock discipline */
#endif
	u = 0; w2 = 0; fine = false
}

/* A2: the valid value with its valid view, or a fresh one. */
#define PROPOSE_VALID \
	:: d_step { LEADS(me, view[me]) && PROPOSING(me) && offer[view[me]] == NONE \
			&& valid_view[me] != 0 -> \
		offer[view[me]] = valid_value[me]; \
		offer_valid[view[me]] = valid_view[me]; \
		printf("EVENT %d propose %d %d %d\n", me, view[me], valid_value[me], valid_view[me]); \
		valid_view[me] = 0; valid_value[me] = NONE }
#define PROPOSE_FRESH(v) \
	:: d_step { LEADS(me, view[me]) && PROPOSING(me) && offer[view[me]] == NONE \
			&& valid_view[me] == 0 && NAMED(v) -> \
		offer[view[me]] = v; \
		printf("EVENT %d propose %d %d 0\n", me, view[me], v) }

/* A3: valid view -1; valid, and not locked or locked on v. */
#define PREVOTE_FRESH(v) \
	:: d_step { PROPOSING(me) && OFFERED_WITH(view[me], v, 0) && NAMED(v) && IS_VALID(v) \
			&& (UNLOCKED(me) || lock_value[me] == v) -> \
		keep_discipline(v); \
		CAST(prevote, me, view[me]) = v; \
		printf("EVENT %d prevote %d %d 0\n", me, view[me], v) }

/* A4: q prevotes for v at the valid view vr; valid, and locked no later, or on v. */
#ifdef VALID_VIEW_UNCHECKED
#define EARLIER(w, v) true
#else
#define EARLIER(w, v) QUORUM_OF_PREVOTES(me, w, v)
#endif
#ifdef LOCK_UNCOMPARED
#define LOCKED_UNTIL(vr) true
#else
#define LOCKED_UNTIL(vr) (lock_view[me] <= vr + 1)
#endif
#define PREVOTE_EARLIER(v, vr) \
	:: d_step { vr < view[me] && PROPOSING(me) && OFFERED_WITH(view[me], v, vr + 1) \
			&& NAMED(v) && EARLIER(vr, v) && IS_VALID(v) \
			&& (UNLOCKED(me) || LOCKED_UNTIL(vr) || lock_value[me] == v) -> \
		keep_discipline(v); \
		HEAR_PREVOTE(me, vr, v); \
		CAST(prevote, me, view[me]) = v; \
		printf("EVENT %d prevote %d %d %d\n", me, view[me], v, vr + 1) }

/* A5: q prevotes for v in this view: lock and precommit while prevoting, remember it as valid. */
#define LOCK(v) \
	:: d_step { PREVOTING(me) && OFFERED(view[me], v) && IS_VALID(v) \
			&& QUORUM_OF_PREVOTES(me, view[me], v) -> \
		HEAR_PREVOTE(me, view[me], v); \
		lock_view[me] = view[me] + 1; lock_value[me] = v; \
		REMEMBERS(me, v); \
		CAST(precommit, me, view[me]) = v; \
		printf("EVENT %d lock %d %d 0\n", me, view[me], v) }
#define REMEMBER(v) \
	:: d_step { PRECOMMITTED(me) && OFFERED(view[me], v) && IS_VALID(v) \
			&& WILL_LEAD(me) && valid_view[me] != view[me] + 1 && QUORUM_OF_PREVOTES(me, view[me], v) -> \
		HEAR_PREVOTE(me, view[me], v); \
		REMEMBERS(me, v); \
		printf("EVENT %d remember %d %d 0\n", me, view[me], v) }

/* A8: q precommits for v of one view, that view whichever. */
#ifdef CALM
#define DECIDE(w, v) \
	:: d_step { decision != v && w < VIEWS && QUORUM_OF_PRECOMMITS(me, w, v) -> \
		printf("EVENT %d decide %d %d 0\n", me, w, v); \
		assert(v != JUNK);         /* validity */ \
		assert(decision == NONE);  /* agreement */ \
		HEAR_PRECOMMIT(me, w, v); \
		decision = v }
#else
/* Whoever can decide v in view w and could have decided another value in view x. */
#define FORKS(w, x) \
	:: d_step { w < VIEWS && x < VIEWS && QUORUM_OF_PRECOMMITS(0, w, RED) && QUORUM_OF_PRECOMMITS(0, x, BLUE) -> \
		printf("EVENT 0 decide %d 2 0\nEVENT 1 decide %d 3 0\n", w, x); \
		assert(false) /* agreement */ }
#define DECIDES_JUNK(w) \
	:: d_step { w < VIEWS && QUORUM_OF_PRECOMMITS(0, w, JUNK) -> \
		printf("EVENT 0 decide %d 4 0\n", w); \
		assert(false) /* validity */ }
#endif

/* A9: t members in view w or later, one of them Byzantine. */
#define CATCH_UP(w) \
	:: d_step { w < VIEWS && view[me] < w && AHEAD(me, w) -> \
		printf("EVENT %d catch_up %d 0 0\n", me, w); \
		view[me] = w }

#ifdef FIRST_VOTE_WINS
/* The Byzantine member says nil before it says anything else of that slot to this member. */
#define DEAF(kind, k, w) \
	:: d_step { HEARS(me, k, w) && w == view[me] && !(heard[me] & (3 << ((k) * 2 * VIEWS + (w) * 2))) -> \
		deaf[me] = deaf[me] | (1 << (k * VIEWS + (w))); \
		printf("EVENT %d nil_first %d %d 0\n", me, w, k) }
#endif

/*
 * A13: what a restart finds in its store: its own signed messages, and with each precommit for a value the
 * prevotes that it stands on. What else was heard of the Byzantine member is gone.
 */
inline restart() {
	u = VIEWS - 1;
	do
	:: u > 0 && !SHOWN(me, u) -> u--
	:: else -> break
	od;
	view[me] = u;
	lock_view[me] = 0; lock_value[me] = NONE;
#ifndef AMNESIA
	u = 0;
	do
	:: u < VIEWS ->
		if
		:: CAST(precommit, me, u) > NIL ->
			lock_view[me] = u + 1; lock_value[me] = CAST(precommit, me, u)
		:: else
		fi;
		u++
	:: else -> break
	od;
#endif
	if
	:: WILL_LEAD(me) -> valid_view[me] = lock_view[me]; valid_value[me] = lock_value[me]
	:: else -> valid_view[me] = 0; valid_value[me] = NONE
	fi;
#ifdef CALM
	proof = 0;
#ifndef PROOFS_FORGOTTEN
	u = 0;
	do
	:: u < VIEWS ->
		if
		:: CAST(precommit, me, u) > NIL -> proof = proof | PREVOTE_BIT(u, CAST(precommit, me, u))
		:: else
		fi;
		u++
	:: else -> break
	od;
#endif
	heard[me] = heard[me] & proof; proof = 0;
#ifdef FIRST_VOTE_WINS
	deaf[me] = 0;
#endif
#endif
	u = 0
}

/* Without restarts a leader prevotes what it proposes, in one step with proposing it. */
#ifdef CALM
#define MAY_PASS(who) (!LEADS(who, view[who]) || offer[view[who]] == NONE)
#else
#define MAY_PASS(who) true
#endif

proctype Member(byte me) {
	do
	PROPOSE_VALID
	PROPOSE_FRESH(RED)
	PROPOSE_FRESH(BLUE)
	PREVOTE_FRESH(RED)
	PREVOTE_FRESH(BLUE)
	PREVOTE_EARLIER(RED, 0)
	PREVOTE_EARLIER(BLUE, 0)
#if VIEWS > 2
	PREVOTE_EARLIER(RED, 1)
	PREVOTE_EARLIER(BLUE, 1)
#endif
#if VIEWS > 3
	PREVOTE_EARLIER(RED, 2)
	PREVOTE_EARLIER(BLUE, 2)
#endif
#ifdef VALIDITY_UNCHECKED
	PREVOTE_FRESH(JUNK)
	LOCK(JUNK)
#endif
	/* A7: the propose timer runs out; also A3's and A4's nil. */
	:: d_step { PROPOSING(me) && MAY_PASS(me) ->
		CAST(prevote, me, view[me]) = NIL;
		printf("EVENT %d prevote %d 1 0\n", me, view[me]) }
	LOCK(RED)
	LOCK(BLUE)
	REMEMBER(RED)
	REMEMBER(BLUE)
	/* A6: q prevotes for nil. A7: q prevotes for anything, and the timer runs out. */
	:: d_step { PREVOTING(me) && ANY(prevote, view[me]) + BYZ >= Q ->
		CAST(precommit, me, view[me]) = NIL;
		printf("EVENT %d precommit %d 1 0\n", me, view[me]) }
	/* A7: q precommits for anything, and the timer runs out. */
	:: d_step { view[me] + 1 < VIEWS && ANY(precommit, view[me]) + BYZ >= Q ->
		printf("EVENT %d next %d 0 0\n", me, view[me]);
		view[me]++ }
#ifdef WIDE
	CATCH_UP(1)
	CATCH_UP(2)
#endif
#ifdef CALM
	DECIDE(0, RED)
	DECIDE(0, BLUE)
	DECIDE(1, RED)
	DECIDE(1, BLUE)
#endif
#ifdef WIDE
	:: d_step { true ->
		printf("EVENT %d restart 0 0 0\n", me);
		restart() }
#endif
#ifdef FIRST_VOTE_WINS
	DEAF(prevote, 0, 0)
	DEAF(prevote, 0, 1)
	DEAF(precommit, 1, 0)
	DEAF(precommit, 1, 1)
#endif
	od
}

#ifndef CALM
proctype Decisions() {
	do
	FORKS(0, 0)
	FORKS(0, 1)
	FORKS(1, 0)
	FORKS(1, 1)
#if VIEWS > 2
	FORKS(0, 2)
	FORKS(1, 2)
	FORKS(2, 0)
	FORKS(2, 1)
	FORKS(2, 2)
#endif
#if VIEWS > 3
	FORKS(0, 3)
	FORKS(1, 3)
	FORKS(2, 3)
	FORKS(3, 0)
	FORKS(3, 1)
	FORKS(3, 2)
	FORKS(3, 3)
#endif
	DECIDES_JUNK(0)
	DECIDES_JUNK(1)
	DECIDES_JUNK(2)
	od
}
#endif

#ifdef CALM
/* A polka: q prevotes for one value in one view. The latest that a member would know of. */
#define VALID_OF(who, w, v) \
	if :: !fine && KNOWS_PREVOTES(who, w, v) -> fine = true; seen_view = w + 1; seen_value = v \
	:: else fi
/* Whether a member prevotes the proposal of `leader` (A3, A4). */
#define ACCEPTS(leader, who) \
	(seen_view == 0 -> lock_view[who] == 0 \
		: (lock_view[who] <= seen_view || lock_value[who] == seen_value) \
			&& (KNOWS_PREVOTES(who, seen_view - 1, seen_value)))
#define HOLDS(w, v) \
	(HOLDS_PRECOMMITS(0, w, v) || HOLDS_PRECOMMITS(1, w, v) || HOLDS_PRECOMMITS(2, w, v))
#define ALL_KNOW(w, v) \
	(KNOWS_PRECOMMITS(0, w, v) && KNOWS_PRECOMMITS(1, w, v) && KNOWS_PRECOMMITS(2, w, v))

hidden byte seen_view, seen_value;

/* With a fresh value, any: only members without a lock are sure to prevote it. */
inline lead(leader) {
	seen_view = 0; seen_value = NONE; fine = false;
#ifndef NO_VALID_VALUE
	VALID_OF(leader, 1, RED);
	VALID_OF(leader, 1, BLUE);
	VALID_OF(leader, 0, RED);
	VALID_OF(leader, 0, BLUE);
#endif
	printf("EVENT %d calm %d %d 0\n", leader, seen_view, seen_value);
	assert(ACCEPTS(leader, 0) && ACCEPTS(leader, 1) && ACCEPTS(leader, 2)); /* progress */
	seen_view = 0; seen_value = NONE; fine = false
}

#define ALL_DECIDE(w) \
	:: d_step { decision != NONE && ANY(precommit, w) == 3 && HOLDS(w, decision) -> \
		printf("EVENT 0 calm %d %d 0\n", w, decision); \
		assert(ALL_KNOW(w, decision)) /* progress: what one decides all can decide */ }

proctype Calm() {
	do
	/* Once a view's votes are settled: before that it may still decide by itself. */
	:: d_step { decision == NONE && ANY(precommit, 0) == 3 -> lead(0); lead(1); lead(2) }
	ALL_DECIDE(0)
	ALL_DECIDE(1)
	od
}
#endif

#ifdef ACROSS_VIEWS
/*
 * Four views are more than can be searched, and this fault needs four: its search starts behind two
 * views that the rules allow. Member 2 locked RED in view 0 and member 1 BLUE in view 1, each
 * alone, by a Byzantine vote that only it heard; all are in view 2 now, which member 2 leads.
 */
inline after_two_views() {
	d_step {
		bad = 3;
		view[0] = 2; view[1] = 2; view[2] = 2;
		offer[0] = RED;
		CAST(prevote, 0, 0) = RED; CAST(prevote, 1, 0) = NIL; CAST(prevote, 2, 0) = RED;
		CAST(precommit, 0, 0) = NIL; CAST(precommit, 1, 0) = NIL; CAST(precommit, 2, 0) = RED;
		lock_view[2] = 1; lock_value[2] = RED; valid_view[2] = 1; valid_value[2] = RED;
		printf("EVENT 1 prevote 0 1 0\n"); printf("EVENT 0 propose 0 2 0\n"); printf("EVENT 0 prevote 0 2 0\n");
		printf("EVENT 2 prevote 0 2 0\n"); printf("EVENT 2 lock 0 2 0\n");
		printf("EVENT 0 precommit 0 1 0\n"); printf("EVENT 1 precommit 0 1 0\n");
		printf("EVENT 0 next 0 0 0\n"); printf("EVENT 1 next 0 0 0\n"); printf("EVENT 2 next 0 0 0\n");
		offer[1] = BLUE;
		CAST(prevote, 0, 1) = BLUE; CAST(prevote, 1, 1) = BLUE; CAST(prevote, 2, 1) = NIL;
		CAST(precommit, 0, 1) = NIL; CAST(precommit, 1, 1) = BLUE; CAST(precommit, 2, 1) = NIL;
		lock_view[1] = 2; lock_value[1] = BLUE;
		printf("EVENT 2 prevote 1 1 0\n"); printf("EVENT 1 propose 1 3 0\n"); printf("EVENT 1 prevote 1 3 0\n");
		printf("EVENT 0 prevote 1 3 0\n"); printf("EVENT 1 lock 1 3 0\n");
		printf("EVENT 0 precommit 1 1 0\n"); printf("EVENT 2 precommit 1 1 0\n");
		printf("EVENT 0 next 1 0 0\n"); printf("EVENT 1 next 1 0 0\n"); printf("EVENT 2 next 1 0 0\n")
	}
}
#endif

/* A1: the order of proposers is a hash, so the Byzantine member leads any view, or none of these. */
init {
	atomic {
#ifdef ACROSS_VIEWS
		after_two_views();
#elif defined(BAD)
		bad = BAD;
#else
		if
		:: bad = 0
		:: bad = 1
#if VIEWS > 2
		:: bad = 2
#endif
		:: bad = VIEWS
		fi;
#endif
		run Member(0);
		run Member(1);
		run Member(2);
#ifdef CALM
		run Calm()
#else
		run Decisions()
#endif
	}
}
