/* Webhook delivery protocol, one partition: events log (read offsets) + state log S (compacted) + Redis index.
   One partition. NW workers, ND deliveries (event i == delivery i, offset i).
   Faults (budget NF): crash, reassign(zombie), redis wipe; with -DROLLBACK redis rolled back (failover, AOF loss);
   with -DREGROUP the group made anew, its generations starting low. -DCOMPACT: compaction at any moment.
   Mutants: M_EARLYCOMMIT M_NOCHECK M_NOREPAIR M_NOTAIL M_CLAIMSKIP M_REDISONLY M_NOFENCE M_NOGEN M_NORETAKE M_NOLIFE.

   Extensions, each behind its own flag; without them this is the model above, state for state:
   -DBOUND  the offset commit carries the lowest record that a rebuild reads; an emptied index is rebuilt from there
            (docs/decisions/0004-rebuild-bound.md). -DFAN: one event with ND deliveries instead of ND events with one.
            Mutants: M_BOUNDOPEN M_BOUNDACK M_BOUNDREAD M_BOUNDUNREAD M_BOUNDSPLIT M_BOUNDFRESH M_BOUNDBASE.
   -DLEASE  what is in hand runs beside the owner's loop; leases run out at any moment.
            Mutants: M_NOLEASE M_LEASEHAND M_HANDACK.
   -DLOST   replies are lost (budget NL): of a claim's append, which may land later too, of a record's append, of the CLAIM,
            CLAIM-DUE and APPLY scripts, of a commit. Mutants: M_LOSTSETTLE M_LOSTTAKE.
   -DSTRICT a lost index alone never sends again. -DNG, -DNI: budgets of the group's and the index's faults, beside NF. */
#ifndef NW
#define NW 2
#endif
#ifndef ND
#define ND 1
#endif
#ifndef NF
#define NF 2
#endif
#ifndef MAXATT
#define MAXATT 2
#endif
#ifndef LOGMAX
#define LOGMAX 12
#endif
#ifndef NG
#define NG NF
#endif
#ifndef NI
#define NI NF
#endif
#ifndef NL
#define NL 1
#endif
#define NONE 0
#define RETRY 1
#define DEAD 2
#define DONE 3
#define CLAIMREC 9
#define NOEP 0

/* ---- durable: Kafka ---- */
/* an epoch is (life, generation, offset of the claim), compared in that order; a claim's record keeps life in d, generation in att */
#define EP(l,g,o) ((l)*256 + (g)*16 + (o) + 1)
#define EPLIFE(e) ((e)/256)
#define EPGEN(e)  (((e)%256)/16)
#define CLAIMEP(i) EP(S[i].d, S[i].att, i)
typedef Rec { byte t; byte d; byte att; short ep; bit gone }
Rec S[LOGMAX]; byte SL = 0;          /* state log */
byte committed = 0;                  /* group offset: events < committed never re-read */
#ifdef REGROUP
#define GEN0 2 /* so that one fault can make it start low again */
#else
#define GEN0 1
#endif
byte owner = 0; byte gen = GEN0; byte join = 1; /* group coordinator; join: the present membership, which is what a commit proves (member id and generation) */
/* ---- Redis (volatile index) ---- */
short r_ep = NOEP; byte r_ap = 0; byte r_st[2]; byte r_att[2]; short r_fl[2];
short q_ep = NOEP; byte q_ap = 0; byte q_st[2]; byte q_att[2]; short q_fl[2]; /* older snapshot */
/* ---- ghosts ---- */
byte posts[2]; byte acc[2]; byte recd[2]; byte faults = 0; byte nfault = 0; byte nregroup = 0; bit pruned = 0; byte ncl = 0; bit cr[2];

#if defined(BOUND) || defined(LEASE) || defined(LOST) || defined(STRICT)
#define EXTENDED
byte nidx = 0; byte nlost = 0; /* faults of the index among nfault; replies lost */
#define GROUPFAULT (nfault < NF && nfault - nidx < NG)
#define INDEXFAULT (nfault < NF && nidx < NI)
#define INDEXFAULTED nidx++
#else
#define nlost 0
#define GROUPFAULT (nfault < NF)
#define INDEXFAULT (nfault < NF)
#define INDEXFAULTED skip
#endif
#ifdef BOUND
#define UNSET 255
byte c_low = 0;                 /* Kafka: in the commit, beside `committed` */
byte r_base = 0; byte q_base = 0; /* Redis: the record from which on the index is complete */
#endif
#ifdef LOST
bit late = 0; byte latelife = 0; byte lategen = 0; /* a claim whose reply was lost, and that has not landed yet */
#endif
#ifdef STRICT
#define DUPB 1 + nfault - nidx + nregroup
#endif
#ifndef DUPB
#define DUPB 1 + nfault + nregroup /* a group made anew is two faults in one: reassigned, and epochs that start low */
#endif
#define DOM(i) (!S[i].gone && S[i].t != CLAIMREC && (r_st[S[i].d] > S[i].t || (r_st[S[i].d] == S[i].t && r_att[S[i].d] > S[i].att)) && !(r_st[S[i].d] == DEAD && S[i].t == DONE))
/* fold of one record into redis view */
inline applyrec(i) {
  if
  :: S[i].gone || S[i].t == CLAIMREC -> skip
  :: else ->
     if
     :: r_st[S[i].d] == DONE -> skip
     :: r_st[S[i].d] == DEAD && S[i].t != DONE -> skip
     :: r_st[S[i].d] == RETRY && S[i].t == RETRY && S[i].att < r_att[S[i].d] -> skip
     :: else -> r_st[S[i].d] = S[i].t; r_att[S[i].d] = S[i].att
     fi;
     r_fl[S[i].d] = 0
  fi
}
/* what its writer has in memory is applied, whether compaction has already taken it from the log or not */
#ifdef EXTENDED
#define DOMOWN(i) ((r_st[S[i].d] > S[i].t || (r_st[S[i].d] == S[i].t && r_att[S[i].d] > S[i].att)) && !(r_st[S[i].d] == DEAD && S[i].t == DONE))
inline applyown(i) {
  if
  :: r_st[S[i].d] == DONE -> skip
  :: r_st[S[i].d] != DONE -> r_st[S[i].d] = S[i].t; r_att[S[i].d] = S[i].att
  fi;
  r_fl[S[i].d] = 0
}
#else
#define DOMOWN(i) DOM(i)
#define applyown(i) applyrec(i)
#endif
inline append(T,D,A,E) {
  if
  :: SL >= LOGMAX -> pruned = 1; off = 255
  :: else -> S[SL].t = T; S[SL].d = D; S[SL].att = A; S[SL].ep = E; S[SL].gone = 0; off = SL; SL++
  fi
}
#ifdef BOUND
#define CLR_BOUND low = 0; bar = 0; chk = UNSET; nb = 0; elow[0] = UNSET; elow[1] = UNSET;
#else
#define CLR_BOUND
#endif
#ifdef LEASE
/* what is in hand: claimed; sent, outcome known; record acknowledged, not in the index yet */
#define H_NONE 0
#define H_CLAIMED 1
#define H_SENT 2
#define H_RECORDED 3
#define H_AGAIN 4 /* as H_SENT; it was written, and the reply was lost */
#define CLR_HAND hst = H_NONE; hd = 0; hatt = 0; hres = 0; hoff = 0;
#else
#define CLR_HAND
#endif
inline clr() { CLR_BOUND CLR_HAND myep=NOEP; seen=NOEP; life=0; myap=0; mygen=0; myjoin=0; pos=0; d=0; att=0; res=0; off=0; need=0 }
/* the watermark passes what was read and settled: with a bound, a retry's record alone settles no event that is still to be read */
#ifdef FAN
#define ALLSETTLED(i) (settled[0] && settled[ND-1] && pos == ND)
#else
#define ALLSETTLED(i) (settled[i] && i < pos)
#endif
/* a commit that would move the offset */
#define MOVES (owner == me && join == myjoin && committed < ND && ALLSETTLED(committed))

#ifdef EXTENDED
/* I4, where it matters: what is about to be sent as new has no record up to the index's position */
inline norecord(dd, k) {
  k = 0;
  do :: k < r_ap -> assert(S[k].t == CLAIMREC || S[k].d != dd); k++ :: else -> break od; k = 0
}
#endif

#ifdef BOUND
/* TAKE of an empty index, or of one that was built from a higher record than we need: start from our bound */
#ifdef M_BOUNDFRESH
#define MYLOW c_low
#else
#define MYLOW low
#endif
inline rebase(k) {
  if
  :: r_ep == NOEP -> r_ap = MYLOW; r_base = MYLOW
#ifndef M_BOUNDBASE
  :: r_ep != NOEP && r_base > low ->
     r_ap = low; r_base = low; k = 0; do :: k < ND -> r_st[k] = 0; r_att[k] = 0; r_fl[k] = 0; k++ :: else -> break od; k = 0
#endif
  :: else
  fi
}
/* after REPLAY: the events that have a record already; the bound stands still until the watermark has passed them */
inline barrier(k) {
  bar = 0; k = 0;
  do :: k < ND -> if :: r_st[k] != NONE -> bar = k + 1 :: else fi; k++ :: else -> break od; k = 0;
#ifdef FAN
  if :: bar > 0 -> bar = ND :: else fi;
#endif
#ifdef M_BOUNDUNREAD
  bar = 0;
#endif
}
/* CHECK: the index's position, or the last record of an open delivery where that is lower */
inline check_low(k) {
  chk = r_ap;
#ifndef M_BOUNDOPEN
  k = 0;
  do
  :: k < ND ->
     if
     :: r_st[k] == RETRY ->
        nb = r_ap;
        do :: nb > 0 -> nb--; if :: S[nb].t == RETRY && S[nb].d == k && S[nb].att == r_att[k] -> break :: else fi :: else -> assert(false) od;
        if :: nb < chk -> chk = nb :: else fi
     :: else
     fi; k++
  :: else -> break
  od; k = 0; nb = 0;
#endif
}
/* the bound that goes with watermark w */
inline bound_for(w) {
  nb = low;
  if
  :: chk != UNSET && w >= bar ->
     nb = chk;
#ifndef M_BOUNDREAD
     if :: w < ND && elow[w] < nb -> nb = elow[w] :: else fi
#endif
  :: else
  fi
}
#endif

#ifdef LEASE
inline outcome(dd, aa, rr) {
  posts[dd]++; if :: rr = DONE; acc[dd] = 1 :: rr = RETRY fi;
  if :: rr == RETRY && aa >= MAXATT -> rr = DEAD :: else fi
}
inline hand_record() {
  append(hres,hd,hatt,myep); if :: pruned -> goto stop :: else fi;
  if :: hres == RETRY && hst == H_SENT -> recd[hd]++ :: else fi;
  hoff = off; off = 0; hres = 0; settled[hd] = 1; hst = H_RECORDED
}
#endif

proctype Worker(byte me) {
  short myep, seen; byte life, myap, mygen, myjoin, pos, d, att, res, off; bit need;
  byte settled[2];
#ifdef BOUND
  byte low, bar, chk = UNSET, nb; /* bound of the last commit we know of; see barrier; see check_low; the next one */
  byte elow[2] = UNSET;           /* by event: the index's position when it was read */
#endif
#ifdef LEASE
  byte hst, hd, hatt, hres, hoff;
#endif
again:
{ skip;
idle:
end_idle:
  atomic { owner == me && join != myjoin && !pruned -> clr(); mygen = gen; myjoin = join; pos = committed;
#ifdef BOUND
    low = c_low;
#endif
    d = 0; do :: d < ND -> settled[d] = 0; d++ :: else -> break od; d = 0 }
  /* 1. claim the partition in the log (acks=all) */
claim:
#ifdef LOST
  /* its reply will be lost: we append another; this one lands later */
  if :: atomic { nlost < NL && !late -> nlost++; late = 1; latelife = life; lategen = mygen } :: true fi;
#endif
#ifdef M_NOGEN
  atomic { append(CLAIMREC,0,0,0); myep = EP(0, 0, off); off = 0; ncl++; assert(ncl <= 2 + 2 * nfault + 2 * nlost); if :: pruned -> goto stop :: else fi }
#else
  atomic { append(CLAIMREC,life,mygen,0); myep = EP(life, mygen, off); off = 0; ncl++; assert(ncl <= 2 + 2 * nfault + 2 * nlost); if :: pruned -> goto stop :: else fi }
#endif
#ifdef LOST
  /* written, and its reply lost: another */
  if :: atomic { nlost < NL -> nlost++; goto claim } :: true fi;
take:
#endif
  /* 2. take the index: epoch must not go back */
#ifdef M_NOFENCE
  atomic { r_ep = myep; d = 0; do :: d < ND -> r_fl[d] = 0; d++ :: else -> break od; d = 0; myap = r_ap }
#else
  atomic { if :: r_ep > myep -> seen = r_ep; goto fenced
              :: else ->
#ifdef BOUND
                 rebase(d);
#endif
                 r_ep = myep; d = 0; do :: d < ND -> r_fl[d] = 0; d++ :: else -> break od; d = 0; myap = r_ap fi }
#endif
  /* 3. replay S from the index position to the end */
replay:
  atomic {
#ifdef LEASE
    /* claimed, not sent: given up; an event's first delivery is claimed again */
    if :: hst == H_CLAIMED -> if :: hatt == 1 -> pos = hd :: else fi; hst = H_NONE; hd = 0; hatt = 0 :: else fi;
#endif
#ifdef BOUND
    chk = UNSET;
#endif
    if
    :: r_ep > myep -> seen = r_ep; goto fenced
#ifdef M_NORETAKE
    :: r_ep < myep -> r_ep = myep
#else
    :: r_ep < myep ->                        /* wiped / rolled back: full TAKE again: requeue every claim */
#ifdef BOUND
       rebase(d);
#endif
       r_ep = myep;
       d = 0; do :: d < ND -> r_fl[d] = 0; d++ :: else -> break od; d = 0
#endif
    :: else
    fi;
    myap = r_ap;
  }
  do
  :: atomic { myap < SL && !S[myap].gone && S[myap].t == CLAIMREC && CLAIMEP(myap) > myep -> seen = CLAIMEP(myap); goto fenced } /* a later claim is in the log */
  :: atomic { myap < SL && !(!S[myap].gone && S[myap].t == CLAIMREC && CLAIMEP(myap) > myep) && r_ep == myep && r_ap == myap ->
#ifndef M_NOREPAIR
       if :: DOM(myap) -> d = S[myap].d; append(r_st[d], d, r_att[d], myep); d = 0; off = 0; if :: pruned -> goto stop :: else fi :: else fi;
#endif
       applyrec(myap); r_ap++; myap = r_ap;
       if :: myap == SL -> break :: else fi }
  :: atomic { myap >= SL && r_ep == myep && r_ap == myap -> break }
  :: atomic { r_ep > myep -> seen = r_ep; goto fenced }
  :: atomic { r_ep <= myep && (r_ep != myep || r_ap != myap) -> goto replay }
#ifdef LEASE
  :: atomic { (hst == H_SENT || hst == H_AGAIN) -> hand_record() }
#endif
  od;
#ifdef BOUND
  atomic { barrier(d) };
#endif
serve:
  d = 0;
  do
  /* 4a. next event from the log */
#ifdef LEASE
  :: atomic { hst == H_NONE && pos < ND -> d = pos; pos++ }
#else
  :: atomic { pos < ND -> d = pos; pos++ }
#endif
#ifndef M_NOCHECK
     /* CLAIM script: epoch + position check, idempotency check */
     atomic {
       if
       :: r_ep > myep -> seen = r_ep; goto fenced
       :: r_ep < myep || (r_ep == myep && r_ap != myap) -> pos--; goto replay
#ifdef M_CLAIMSKIP
       :: r_st[d] != NONE || r_fl[d] != 0 -> settled[d] = 1; goto commit
#else
       :: r_st[d] != NONE -> settled[d] = 1; goto commit     /* only a RECORDED state settles, never a claim */
#endif
#ifdef LOST
       :: r_ep == myep && r_ap == myap && r_st[d] == NONE && nlost < NL -> /* done, and the reply lost: TAKE again */
          nlost++; r_fl[d] = myep;
#ifdef M_LOSTSETTLE
          settled[d] = 1; goto commit
#else
          pos--; goto take
#endif
#endif
#ifdef EXTENDED
       :: r_ep == myep && r_ap == myap && r_st[d] == NONE -> norecord(d, att); r_fl[d] = myep; att = 1;
#ifdef BOUND
          if :: elow[d] == UNSET -> elow[d] = myap :: else fi
#endif
#else
       :: else -> r_fl[d] = myep; att = 1
#endif
       fi }
#else
     atomic { if :: r_st[d] != NONE -> settled[d] = 1; goto commit :: else -> r_fl[d] = myep; att = 1 fi }
#endif
#ifdef M_EARLYCOMMIT
     atomic { settled[d] = 1; if :: myjoin == join && owner == me && d == committed -> committed = d + 1 :: else fi }
#endif
#ifdef LEASE
     atomic { hst = H_CLAIMED; hd = d; hatt = att; att = 0; goto serve }
#else
     goto post
#endif
  /* 4b. a due retry */
#ifdef LEASE
  :: atomic { hst == H_NONE && r_ep == myep && r_ap == myap ->
#else
  :: atomic { (r_ep == myep && r_ap == myap) ->
#endif
       if
       :: r_st[0] == RETRY && r_fl[0] == 0 -> d = 0
#if ND > 1
       :: r_st[1] == RETRY && r_fl[1] == 0 -> d = 1
#endif
       :: else -> goto wait
       fi;
       r_fl[d] = myep; att = r_att[d] + 1;
#ifdef LOST
       /* done, and the reply lost: TAKE again; or go on, where leases run out */
       if :: nlost < NL -> nlost++; att = 0;
#ifdef M_LOSTTAKE
             goto replay
#else
             goto take
#ifdef LEASE
          :: nlost < NL -> nlost++; att = 0; goto serve
#endif
#endif
          :: true fi
#endif
     }
#ifdef LEASE
     atomic { hst = H_CLAIMED; hd = d; hatt = att; att = 0; goto serve }
#else
     goto post
#endif
#ifdef LEASE
  /* what is in hand goes on beside all this */
  :: atomic { hst == H_CLAIMED -> outcome(hd, hatt, hres); hst = H_SENT }
  :: atomic { hst == H_SENT -> hand_record() }
#ifdef LOST
  /* written, and its reply lost: it will be written again */
  :: atomic { hst == H_SENT && nlost < NL -> 
       nlost++; append(hres,hd,hatt,myep); off = 0; if :: pruned -> goto stop :: else fi; if :: hres == RETRY -> recd[hd]++ :: else fi; hst = H_AGAIN }
  :: atomic { hst == H_AGAIN -> hand_record() }
#endif
  :: atomic { hst == H_RECORDED ->
       if
       :: r_ep > myep -> seen = r_ep; goto fenced
       :: r_ep == myep && hoff < myap && r_ap == myap -> skip /* the replay came over it */
       :: r_ep == myep && r_ap == hoff && myap == hoff && !DOMOWN(hoff) -> applyown(hoff); r_ap = hoff + 1; myap = r_ap
#ifdef LOST
       :: r_ep == myep && r_ap == hoff && myap == hoff && !DOMOWN(hoff) && nlost < NL -> /* done, and the reply lost: it looks like a gap */
          nlost++; applyown(hoff); r_ap = hoff + 1; goto replay
#endif
       :: else -> goto replay
       fi;
       hst = H_NONE; hd = 0; hatt = 0; hoff = 0 }
     goto commit
#ifndef M_NOLEASE
  /* 4h. CHECK: a lease ran out, of what is in hand too; what comes back while it is in hand is not claimed again (4b) */
  :: atomic { r_ep == myep && r_ap == myap && r_fl[0] != 0 -> r_fl[0] = 0 }
#if ND > 1
  :: atomic { r_ep == myep && r_ap == myap && r_fl[1] != 0 -> r_fl[1] = 0 }
#endif
#endif
#if defined(M_LEASEHAND) || defined(M_HANDACK)
#ifdef M_LEASEHAND
  :: atomic { hst != H_NONE && r_ep == myep && r_ap == myap && r_st[hd] == RETRY && r_fl[hd] == 0 ->
#else
  :: atomic { hst == H_RECORDED && r_ep == myep && r_ap == myap && r_st[hd] == RETRY && r_fl[hd] == 0 ->
#endif
       r_fl[hd] = myep; outcome(hd, r_att[hd] + 1, res);
       append(res,hd,r_att[hd] + 1,myep); if :: pruned -> goto stop :: else fi; off = 0;
       if :: res == RETRY -> recd[hd]++ :: else fi; res = 0 }
#endif
#endif
#ifdef BOUND
  /* 4g. the second's CHECK answers how low a rebuild must reach for what is open */
  :: atomic { r_ep == myep && r_ap == myap && chk != r_ap -> check_low(d) }
  /* 4f. the second's commit */
  :: atomic { owner == me && join == myjoin ->
       d = committed; do :: d < ND && ALLSETTLED(d) -> d++ :: else -> break od;
       bound_for(d); if :: d != committed || nb != c_low -> skip :: else -> d = 0; nb = 0; goto wait fi; d = 0; nb = 0 }
     goto commit_now
#endif
  /* 4c. periodic CHECK finds a change */
  :: atomic { r_ep > myep -> seen = r_ep; goto fenced }
#ifndef M_NOCHECK
  :: atomic { r_ep <= myep && (r_ep != myep || r_ap != myap) -> goto replay }
#endif
#ifndef M_NOTAIL
  /* 4d. periodic tail check: somebody else wrote to S */
  :: atomic { owner == me && join == myjoin && r_ep == myep && SL > myap -> goto replay }
#endif
  :: atomic { !(owner == me && join == myjoin) -> goto stop }
  od;
wait:
end_wait:

  atomic {
    ( pos < ND
#ifndef M_NOTAIL
      || (owner == me && join == myjoin && SL > myap)
#endif
      || r_ep > myep || (r_ep != myep || r_ap != myap) || !(owner == me && join == myjoin)
      || (r_st[0] == RETRY && r_fl[0] == 0)
#if ND > 1
      || (r_st[1] == RETRY && r_fl[1] == 0)
#endif
#ifdef BOUND
      || MOVES
#endif
#ifdef LEASE
      || hst != H_NONE
#ifndef M_NOLEASE
      || (r_ep == myep && (r_fl[0] != 0 || (ND > 1 && r_fl[1] != 0)))
#endif
#endif
    ) -> skip };
#ifdef M_NOCHECK
  atomic { if :: pos < ND || r_ep > myep || !(owner == me && join == myjoin) || (r_ep == myep && r_ap == myap) -> goto serve :: else -> (pos < ND || r_ep > myep || !(owner == me && join == myjoin)); goto serve fi };
#else
  goto serve;
#endif
post:
  atomic { posts[d]++; if :: res = DONE; acc[d] = 1 :: res = RETRY fi;
    if :: res == RETRY && att >= MAXATT -> res = DEAD :: else fi }
#ifdef M_REDISONLY
  /* retry only in redis: log written for terminal states only */
  atomic { if :: res == RETRY -> if :: r_ep == myep -> r_st[d] = RETRY; r_att[d] = att; r_fl[d] = 0 :: else fi; recd[d]++; settled[d] = 1; res = 0; goto commit :: else fi }
#endif
  /* 5. record outcome in S (acks=all).  A zombie may do this too. */
#ifdef LOST
  /* written, and its reply lost: the same record again */
  if :: atomic { nlost < NL -> 
       nlost++; append(res,d,att,myep); off = 0; if :: pruned -> goto stop :: else fi; if :: res == RETRY -> recd[d]++ :: else fi };
       atomic { append(res,d,att,myep); if :: pruned -> goto stop :: else fi; res = 0; goto recorded }
     :: true fi;
#endif
  atomic { append(res,d,att,myep); if :: pruned -> goto stop :: else fi; if :: res == RETRY -> recd[d]++ :: else fi; res = 0 }
#ifdef LOST
recorded:
#endif
  settled[d] = 1;
#ifdef M_BOUNDACK
  chk = off + 1;
  if :: goto commit_ack :: true fi;
applied:
#endif
  /* 6. apply to redis, only if nothing lies between */
  atomic {
    if
    :: r_ep > myep -> seen = r_ep; off = 0; goto fenced_commit
#ifdef M_NOCHECK
    :: else -> applyrec(off); r_ap = off + 1; myap = r_ap; off = 0
#else
    :: r_ep == myep && r_ap == off && myap == off && !DOMOWN(off) -> applyown(off); r_ap = off + 1; myap = r_ap; off = 0
#ifdef LOST
    :: r_ep == myep && r_ap == off && myap == off && !DOMOWN(off) && nlost < NL -> /* done, and the reply lost: it looks like a gap */
       nlost++; applyown(off); r_ap = off + 1; need = 1; off = 0
#endif
    :: else -> need = 1; off = 0
#endif
    fi }
commit:
#ifdef BOUND
  /* the second is not over: 4f will commit */
  if :: atomic { true -> d = 0; att = 0; if :: need -> need = 0; goto replay :: else -> goto serve fi } :: true fi;
commit_now:
  /* the offset and the bound that belongs to it, in one commit; fenced by group generation */
#ifdef M_BOUNDACK
  goto commit_both;
commit_ack:
  atomic { if :: owner == me && join == myjoin -> d = committed; do :: d < ND && ALLSETTLED(d) -> d++ :: else -> break od;
           bound_for(d); committed = d; c_low = nb; low = nb; nb = 0 :: else fi; d = S[off].d; goto applied };
commit_both:
#endif
#ifdef M_BOUNDSPLIT
  atomic { if :: owner == me && join == myjoin -> d = committed; do :: d < ND && ALLSETTLED(d) -> d++ :: else -> break od;
           bound_for(d); c_low = nb; low = nb; nb = 0 :: else fi; d = 0 };
#endif
  atomic {
    if
    :: owner == me && join == myjoin ->
       d = committed; do :: d < ND && ALLSETTLED(d) -> d++ :: else -> break od;
       bound_for(d);
#if defined(M_BOUNDACK) /* to see what harm it does */
#elif defined(LOST)
       assert(nb >= low); /* a lost reply: the one before is as good */
#else
       assert(nb >= c_low && nb >= low); /* it never moves back */
#endif
       committed = d; c_low = nb;
#ifdef LOST
       if :: nlost < NL && nb != low -> nlost++ :: low = nb fi;
#else
       low = nb;
#endif
       nb = 0
    :: else
    fi; d = 0; att = 0;
    if :: need -> need = 0; goto replay :: else fi }
#else
  /* 7. commit the watermark; fenced by group generation */
  atomic { d = committed;
    if :: myjoin == join && owner == me && d < ND && settled[d] ->
          do :: d < ND && settled[d] -> d++ :: else -> break od; committed = d
       :: else fi; d = 0; att = 0;
    if :: need -> need = 0; goto replay :: else fi }
#endif
  goto serve;
fenced_commit:
  skip;
fenced:
  /* someone claimed after me: if I am still the group's owner, claim again */
  atomic { if :: owner == me && join == myjoin ->
#ifndef M_NOLIFE
                 /* the greater claim is of an earlier group (its generation started again) or of a zombie of this one */
                 if :: EPGEN(seen) > mygen -> life = EPLIFE(seen) + 1 :: EPGEN(seen) <= mygen && EPLIFE(seen) > life -> life = EPLIFE(seen) :: else fi;
#endif
#ifdef BOUND
                 elow[0] = UNSET; elow[1] = UNSET;
#endif
#ifdef LEASE
                 if :: hst == H_CLAIMED -> hst = H_NONE; hd = 0; hatt = 0 :: else fi;
#endif
                 seen = NOEP; pos = committed; d = 0; do :: d < ND -> settled[d] = 0; d++ :: else -> break od; d = 0; myap = 0; att = 0; res = 0; off = 0; need = 0; goto claim
              :: else -> goto stop fi }
stop:
  atomic { clr(); d = 0; do :: d < ND -> settled[d] = 0; d++ :: else -> break od; d = 0;
    if :: pruned -> goto fin :: else -> goto idle fi }
} unless { cr[me] };
  atomic { cr[me] = 0; clr(); d = 0; do :: d < ND -> settled[d] = 0; d++ :: else -> break od; d = 0 };
  goto again;
fin: skip
}

byte wpid[NW];
#ifdef BOUND
#define BASE_EMPTY r_base = 0;
#define BASE_BACK r_base = q_base;
#define BASE_KEEP q_base = r_base;
#else
#define BASE_EMPTY
#define BASE_BACK
#define BASE_KEEP
#endif
/* faults */
active proctype Faults() {
  byte i;
end:
  do
  /* reassign: the old owner does not know (zombie) */
  :: atomic { GROUPFAULT && !pruned -> nfault++; owner = (owner + 1) % NW; gen++; join++ }
  /* the owner's session expires and it is assigned again (new generation, same member restarted) */
  :: atomic { GROUPFAULT && !pruned -> nfault++; gen++; join++ }
#ifdef REGROUP
  /* the group expired or was recreated: generations start again; either worker may get the partition */
  :: atomic { GROUPFAULT && !pruned && gen > 1 -> nfault++; nregroup++; gen = 1; join++; if :: owner = (owner + 1) % NW :: true -> skip fi }
#endif
  /* kill -9 of either worker: local state and the result of a POST in flight are gone */
  :: atomic { GROUPFAULT && !pruned -> nfault++; cr[0] = 1; gen++; join++; if :: owner == 0 -> owner = 1 :: true -> skip fi }
  :: atomic { GROUPFAULT && !pruned -> nfault++; cr[1] = 1; gen++; join++; if :: owner == 1 -> owner = 0 :: true -> skip fi }
  /* redis wiped */
  :: atomic { INDEXFAULT && !pruned -> nfault++; INDEXFAULTED; r_ep = NOEP; r_ap = 0; BASE_EMPTY i = 0; do :: i < ND -> r_st[i] = 0; r_att[i] = 0; r_fl[i] = 0; i++ :: else -> break od; i = 0 }
  /* redis failover: back to an older consistent snapshot */
#ifdef ROLLBACK
  :: atomic { INDEXFAULT && !pruned && q_ap <= r_ap -> nfault++; INDEXFAULTED; r_ep = q_ep; BASE_BACK r_ap = q_ap; i = 0; do :: i < ND -> r_st[i] = q_st[i]; r_att[i] = q_att[i]; r_fl[i] = q_fl[i]; i++ :: else -> break od; i = 0 }
  :: atomic { INDEXFAULT && !pruned && (q_ap != r_ap || q_ep != r_ep) -> BASE_KEEP q_ep = r_ep; q_ap = r_ap; i = 0; do :: i < ND -> q_st[i] = r_st[i]; q_att[i] = r_att[i]; q_fl[i] = r_fl[i]; i++ :: else -> break od; i = 0 }
#endif
  od
}
#ifdef LOST
active proctype Late() {
  byte off;
end:
  do
  :: atomic { late && !pruned -> append(CLAIMREC,latelife,lategen,0); off = 0; late = 0; latelife = 0; lategen = 0 }
  od
}
#endif
#ifdef COMPACT
active proctype Compactor() {
  byte i, j;
end:
  do
  :: atomic { SL > 1 ->
      i = 0;
      do :: i < SL && !S[i].gone ->
            j = i + 1;
            do :: j < SL && !S[j].gone && ((S[j].t == CLAIMREC && S[i].t == CLAIMREC) || (S[j].t != CLAIMREC && S[i].t != CLAIMREC && S[j].d == S[i].d)) -> S[i].gone = 1; break
               :: j < SL && !(!S[j].gone && ((S[j].t == CLAIMREC && S[i].t == CLAIMREC) || (S[j].t != CLAIMREC && S[i].t != CLAIMREC && S[j].d == S[i].d))) -> j++
               :: j >= SL -> break
            od; i++
         :: i < SL && S[i].gone -> i++
         :: i >= SL -> break
      od; i = 0; j = 0; break }
  od
}
#endif

inline lastrec(dd) { k = SL; lr = NONE; do :: k > 0 -> k--; if :: !S[k].gone && S[k].t != CLAIMREC && S[k].d == dd -> lr = S[k].t; break :: else fi :: else -> break od; k = 0 }

active proctype Monitor() {
  byte k, lr, x;
end:
  do
  :: atomic { timeout ->
      if :: pruned -> break :: else fi;
      x = 0;
      do
      :: x < ND ->
         lastrec(x);
         assert(lr == DONE || lr == DEAD);          /* L: every delivery reaches an end state in the LOG */
         if :: lr == DEAD -> skip :: else fi;
         assert(committed == ND);
         x++
      :: else -> break
      od; x = 0; lr = 0; break }
  od
}
/* safety: committed implies recorded; duplicates bounded by faults */
active proctype Safety() {
  byte k, lr;
end:
  do
  :: atomic { committed > 0 && !pruned -> lastrec(0); assert(lr != NONE); lr = 0; break }
#if defined(EXTENDED) && ND > 1
  :: atomic { committed > 1 && !pruned -> lastrec(1); assert(lr != NONE); lr = 0; break }
#endif
  od
}
active proctype Dups() {
  /* posts <= recorded failures + 1 + faults */
#if defined(EXTENDED) && ND > 1
  end: atomic { (posts[0] > recd[0] + DUPB || posts[1] > recd[1] + DUPB) && !pruned -> assert(false) }
#else
  end: atomic { (posts[0] > recd[0] + DUPB) && !pruned -> assert(false) }
#endif
}
init { atomic { byte n = 0; do :: n < NW -> run Worker(n); n++ :: else -> break od } }
