/*
 * One round up to its openings: rules R2 to R8, V1 to V3 of consensus/PROTOCOL.md, N = 4, f = 1, q = 3, t = 2.
 *
 * Three honest members and a Byzantine one, which equivocates, reports what it likes, is among
 * the mix's relays, and knows a text as soon as it has left its author. Checked:
 *   nobody commits after reading     no commit that counts was made when its author could know
 *                                    another's proposal;
 *   nothing opens before the freeze  no ballot that counts was made when its author could know
 *                                    another's ballot;
 *   a timely honest ballot counts    what t honest members held when they first reported is in the
 *                                    freeze, whoever proposed it; so for commits and the slate.
 *
 * What is left out, and why nothing is lost by that:
 *   - Agreement is one step that takes any value that is valid (agreement.pml has it that there is
 *     one, and a valid one); whoever proposes is free in all that validity leaves open.
 *   - No channels: what a member holds is chosen when it reports, any part of what was sent.
 *   - Texts, keys, shuffles and sizes: all that counts here is when a text can be known. The
 *     Byzantine member needs no packets of others; the moment a packet leaves it has read it.
 *   - Of the Byzantine member's contents there are three a point: two made early (equivocation)
 *     and one made late, after reading. More of either kind change no set of slots.
 *   - A REPORT names held envelopes alone (V1a); those that name others wait, and carry nothing.
 *   - A later REPORT (V1) names no less than the first: it is chosen when it is carried.
 *   - Deadlines (R0): a stage closes at any time.
 *   - A decided point is known to all at once: what a member does before it knows is as if it had done it
 *     before the decision, or has no effect, since only what a value carries counts.
 *
 * Each #ifdef is a fault that the search must find (mutants.py).
 */

#define Q 3
#define T 2
#ifdef REPORTS_MINUS_ONE
#define CARRIED 2
#else
#define CARRIED Q
#endif

/* Contents of a point, a bit each: of members 0 to 2, and three of the Byzantine member. */
#define EARLY_ONE 8
#define EARLY_TWO 16
#define LATE 32
#define BYZANTINE (EARLY_ONE | EARLY_TWO | LATE)
#define BIT(who) (1 << (who))

#define SLATE 0
#define FREEZE 1

mtype = { drafting, committed, reported_slate, judging, sealed, reported_freeze, opening, opened };
mtype phase[3] = drafting;
byte sent[2];        /* contents of a point that exist */
byte first[6];       /* by point, then member: honest contents that its first REPORT names */
bool reported[6];    /* by point, then member: there is such a REPORT */
bool agreed[2];      /* the point is decided */
byte counted[2];     /* what it counts */
bool read;           /* an honest proposal has left its author: the Byzantine member has read it */
bool seen;           /* an honest ballot was opened */

byte carried, members, value, k; /* scratch, 0 between steps */

#define AT(point, who) ((point) * 3 + (who))

/* What t honest members first reported counts. */
#define NAMES(point, by, who) ((first[AT(point, by)] & BIT(who)) != 0)
#define TIMELY(point, who) \
	assert((carried & BIT(who)) \
		|| NAMES(point, 0, who) + NAMES(point, 1, who) + NAMES(point, 2, who) < T)

/* Add to `value` any part of what exists of a point, contents `from` up to `to`. */
inline add_any(point, from, to) {
	k = from;
	do
	:: k < to ->
		if
		:: sent[point] & BIT(k) -> value = value | BIT(k)
		:: true
		fi;
		k++
	:: else -> break
	od
}

/* V1: what a member holds when its stage closes, its own content included if there is one. */
inline report(point) {
	value = sent[point] & BIT(me);
	add_any(point, 0, 3);
	first[AT(point, me)] = value;
	reported[AT(point, me)] = true;
	printf("EVENT %d report %d %d\n", me, point, value);
	value = 0; k = 0
}

/* Carry an honest member's REPORT, or not. */
#define CARRY(point, who) \
	if \
	:: reported[AT(point, who)] -> \
		carried = carried | first[AT(point, who)]; members++; \
		printf("EVENT %d carried %d %d\n", who, point, first[AT(point, who)]) \
	:: true \
	fi

/* A: any valid value is decided. It carries REPORTs of q members, one each (V1, V1b). */
inline decide(point) {
	carried = 0; members = 0;
	CARRY(point, 0);
	CARRY(point, 1);
	CARRY(point, 2);
	/* The Byzantine member's REPORT, and what is in later ones alone: any part of what exists. */
	members++;
	value = 0;
	add_any(point, 0, 6);
	carried = carried | value;
	printf("EVENT 3 carried %d %d\n", point, value);
	/* V1: without REPORTs if there is a slot for every member. */
	if
	:: members < CARRIED && (sent[point] & 7) == 7 && (sent[point] & BYZANTINE) ->
		members = CARRIED;
		carried = 7;
		if
		:: sent[point] & EARLY_ONE -> carried = carried | EARLY_ONE
		:: sent[point] & LATE -> carried = carried | LATE
		fi
	:: else
	fi;
	if
	:: members >= CARRIED ->
#ifdef PROPOSERS_CHOICE
		/* The fault: any part of the union. */
		value = 0;
		add_any(point, 0, 6);
		carried = carried & value;
#endif
		/* V2: the union. V3: a slot with two ids is void; a proposer may void it by evidence too. */
		k = ((carried & EARLY_ONE) != 0) + ((carried & EARLY_TWO) != 0) + ((carried & LATE) != 0);
		if
		:: k > 1 -> carried = carried & 7
		:: else
		fi;
		k = ((sent[point] & EARLY_ONE) != 0) + ((sent[point] & EARLY_TWO) != 0) + ((sent[point] & LATE) != 0);
		if
		:: k > 1 -> carried = carried & 7
		:: true
		fi;
		printf("EVENT 0 decided %d %d\n", point, carried);
		counted[point] = carried;
		agreed[point] = true;
		TIMELY(point, 0);
		TIMELY(point, 1);
		TIMELY(point, 2);
		assert(!(carried & LATE)); /* nobody commits after reading; nothing opens before the freeze */
		/* R0: a decided point closes every earlier stage. What was reported is of no use any more. */
		k = 0;
		do
		:: k < 3 ->
			first[AT(point, k)] = 0; reported[AT(point, k)] = false;
			phase[k] = (point == SLATE -> judging : opening);
			k++
		:: else -> break
		od;
		sent[point] = 0
	:: else
	fi;
	carried = 0; members = 0; value = 0; k = 0
}

proctype Member(byte me) {
	do
	/* R2: commit, before the slate is known here. Members that have read do not. */
	:: atomic { phase[me] == drafting -> sent[SLATE] = sent[SLATE] | BIT(me); phase[me] = committed;
		printf("EVENT %d commit 0 %d\n", me, BIT(me)) }
	/* R0: the stage closes; a member without a commit abstains, and reports all the same. */
	:: atomic { (phase[me] == drafting || phase[me] == committed) -> report(SLATE); phase[me] = reported_slate }
#ifdef LEAVES_EARLY
	/* The fault: a proposal leaves when its author's stage closes, before the slate is decided. */
	:: atomic { phase[me] == reported_slate && (sent[SLATE] & BIT(me)) && !read ->
		read = true; printf("EVENT %d leaves 0 0\n", me) }
#endif
	/* R2a, R3: with the slate decided, its authors' proposals leave. */
	:: atomic { agreed[SLATE] && (counted[SLATE] & BIT(me)) && !read ->
		read = true; printf("EVENT %d leaves 0 0\n", me) }
	/* R5, R6: seal a ballot, hidden. */
	:: atomic { phase[me] == judging -> sent[FREEZE] = sent[FREEZE] | BIT(me); phase[me] = sealed;
		printf("EVENT %d seal 1 %d\n", me, BIT(me)) }
	:: atomic { (phase[me] == judging || phase[me] == sealed) -> report(FREEZE); phase[me] = reported_freeze }
#ifdef OPENS_EARLY
	/* The fault: a ballot is opened when its voter's stage closes. */
	:: atomic { phase[me] == reported_freeze && (sent[FREEZE] & BIT(me)) && !seen ->
		seen = true; printf("EVENT %d opens 1 0\n", me) }
#endif
	/* R7, R8: open once the freeze is decided. */
	:: atomic { phase[me] == opening ->
		phase[me] = opened; seen = true; printf("EVENT %d opens 1 0\n", me) }
	od
}

proctype Byzantine() {
	do
	:: atomic { !(sent[SLATE] & EARLY_ONE) && !read -> sent[SLATE] = sent[SLATE] | EARLY_ONE; printf("EVENT 3 commit 0 8\n") }
	:: atomic { !(sent[SLATE] & EARLY_TWO) && !read -> sent[SLATE] = sent[SLATE] | EARLY_TWO; printf("EVENT 3 commit 0 16\n") }
	:: atomic { !(sent[SLATE] & LATE) && read -> sent[SLATE] = sent[SLATE] | LATE; printf("EVENT 3 commit 0 32\n");
#ifdef COMMIT_AFTER_SLATE
		/* The fault: what counts at the outcome is any commit that is held then. */
		if
		:: agreed[SLATE] && !(counted[SLATE] & BYZANTINE) -> counted[SLATE] = counted[SLATE] | LATE
		:: else
		fi;
#endif
		assert(!(counted[SLATE] & LATE)) }
	:: atomic { agreed[SLATE] && !(sent[FREEZE] & EARLY_ONE) && !seen -> sent[FREEZE] = sent[FREEZE] | EARLY_ONE;
		printf("EVENT 3 seal 1 8\n") }
	:: atomic { agreed[SLATE] && !(sent[FREEZE] & EARLY_TWO) && !seen -> sent[FREEZE] = sent[FREEZE] | EARLY_TWO;
		printf("EVENT 3 seal 1 16\n") }
	:: atomic { !(sent[FREEZE] & LATE) && seen -> sent[FREEZE] = sent[FREEZE] | LATE; printf("EVENT 3 seal 1 32\n");
#ifdef SEAL_AFTER_FREEZE
		if
		:: agreed[FREEZE] && !(counted[FREEZE] & BYZANTINE) -> counted[FREEZE] = counted[FREEZE] | LATE
		:: else
		fi;
#endif
		assert(!(counted[FREEZE] & LATE)) }
	od
}

/* Agreement, at any time. */
proctype Point() {
	do
	:: atomic { !agreed[SLATE] -> decide(SLATE) }
	:: atomic { agreed[SLATE] && !agreed[FREEZE] -> decide(FREEZE) }
	od
}

init {
	atomic { run Member(0); run Member(1); run Member(2); run Byzantine(); run Point() }
}
