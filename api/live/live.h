/* Deliveries as they change, told to those who watch: server-sent events.
 *
 * A webhook that is watched has a channel, which lasts for a minute after its last watcher has gone; the others cost nothing.
 * Each event has an id "<instance>.<number>", and a channel keeps its last ones, so that a client that comes back with the id of
 * the last event it saw gets what it missed. When that is not kept any more, or was another replica's or another start's, it gets
 * the event `reset` and has to read the list again: a replica knows its own numbers alone, and a log for all replicas would be
 * one more thing to keep. So does everybody when changes were left out under load.
 *
 * Bounds: LIVE_KEPT events of a channel; so many streams of an account and in all; what waits for a slow reader
 * (http/response.h), who is cut off beyond it and comes back as above. A stream ends within a second or two of the end of its
 * key, session or webhook. */
#ifndef LIVE_LIVE_H
#define LIVE_LIVE_H

#include "definitions/definitions.h"
#include "http/sessions.h"

#define LIVE_KEPT 256
#define LIVE_LINGER_MS 60000
#define LIVE_STREAMS_OF_ACCOUNT 32
#define LIVE_STREAMS 512

struct live;

struct live *live_new(void);
/* All its streams must have ended. NULL is fine. */
void live_free(struct live *l);

/* Answers a request with the events of a webhook, or with 429 when there are too many streams. */
void live_watch(struct live *l, struct request *rq, const char *webhook_id);
/* Whether anybody would hear of a delivery of the webhook. */
bool live_wants(const struct live *l, struct slice webhook_id);
/* A delivery of the webhook changed: json, one line, is the data of an event. NULL: it is too long, and watchers are told to read
 * the list again. */
void live_publish(struct live *l, struct slice webhook_id, struct slice json);
/* Some were not published: the watchers of every webhook are told to read the list again. */
void live_reset(struct live *l);
/* Whether anybody watches, or left a moment ago and may come back for what was missed. */
bool live_is_watched(const struct live *l);
/* Ends the streams whose key, session or webhook is gone, and channels without watchers; once a second. */
void live_sweep(struct live *l, const struct definitions *d, const struct sessions *ss, int64_t now_ms, int64_t now_wall_ms);
unsigned live_streams(const struct live *l);

/* What a Last-Event-ID says: ERR_INVALID: it is none of this instance's. */
MUST_CHECK enum err live_parse_id(const char *text, const char *instance, uint64_t *number);

#endif
