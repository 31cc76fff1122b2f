/* From nothing to ready: topics, definitions. Without Kafka it waits, and says for what. */
#ifndef API_START_H
#define API_START_H

struct api;
struct start;

struct start *start_new(struct api *api);
void start_free(struct start *s);
/* What it waits for, for people; NULL: nothing, the API is ready. */
const char *start_waiting_for(const struct start *s);

#endif
