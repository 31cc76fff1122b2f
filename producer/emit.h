/* `trueftp-producer emit`: one event from a script, for what no log tells: a user made by a panel, a file put there by a job. It
 * goes to the spool, which the agent ships; with --wait straight to Kafka. */
#ifndef PRODUCER_EMIT_H
#define PRODUCER_EMIT_H

/* argv[0] is "emit". Prints the event's id. Returns the exit status: 0: it is on disk (--wait: all replicas have it); 64: wrong
 * arguments; 69: there is no spool, or the topic is missing or refuses us; 74: the system reported an error; 75: not now, try
 * again (the spool is full, its lock is held, Kafka did not answer in time). */
int emit_main(int argc, char **argv);

#endif
