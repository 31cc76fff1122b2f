/* The agent: all sources of the sources file on one loop, one publisher, the admin port. */
#ifndef PRODUCER_AGENT_H
#define PRODUCER_AGENT_H

#include "producer/settings.h"

/* Runs until SIGTERM or SIGINT (then what is on its way gets DRAIN_MS; a second signal ends it at once). Returns the exit status:
 * 0; 64 for a sources file or checkpoint that cannot be used; 69 (EX_UNAVAILABLE), 73 (EX_CANTCREAT). Logs. */
int agent_run(const struct producer_settings *s);

#endif
