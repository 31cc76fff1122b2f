/* `trueftp-producer parse FORMAT FILE`: the events of a log as JSON lines on standard output, what was quarantined and why on
 * standard error. Nothing is published and no checkpoint is read or written. */
#ifndef PRODUCER_PARSE_H
#define PRODUCER_PARSE_H

/* argv[0] is "parse". Returns the exit status: 0; 1 when something was quarantined; 64 for wrong arguments; 66 for a file that
 * cannot be read. */
int parse_main(int argc, char **argv);

#endif
